"""Files that are broken, hostile or not what they say: refused by name, and nothing beside them is lost."""

import io
import os
import stat
import struct
import zipfile

import docx
import openpyxl
import pytest
from fpdf import FPDF

from copilot.adapters.loaders.archive import ArchiveLimits
from copilot.adapters.loaders.folder import FileSource, FolderSource
from copilot.adapters.loaders.reading import read_file
from copilot.domain.errors import NotFound

GOOD = b"# Good\n\nStill read."


def saved(file):
    into = io.BytesIO()
    file.save(into)
    return into.getvalue()


def word():
    document = docx.Document()
    document.add_paragraph("Text. " * 400)
    return saved(document)


def workbook():
    book = openpyxl.Workbook()
    book.active.append(("a", "b"))
    return saved(book)


def locked_pdf():
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=11)
    pdf.cell(0, 6, "Secret terms.")
    pdf.set_encryption(owner_password="o", user_password="u")  # noqa: S106
    return bytes(pdf.output())


def archive(*files, compression=zipfile.ZIP_DEFLATED):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", compression) as made:
        for name, content in files:
            made.writestr(name, content)
    return into.getvalue()


def office_bomb():
    return archive(("word/document.xml", b" " * (210 * 2**20)), ("[Content_Types].xml", b""))


def read(name, content, **more):
    return list(read_file(name, content, source=f"kb/{name}", **more))


def refusals(files):
    return {file.source: file.refusal.reason for file in files if file.refusal}


def read_titles(files):
    return [document.title for file in files for document in file.documents]


@pytest.mark.parametrize(
    ("name", "content", "says", "advises"),
    [
        ("a.pdf", locked_pdf(), "encrypted with a password", "without a password"),
        (
            "a.html",
            b"<html><head><title>x</title></head><body><script>y</script></body></html>",
            "no text",
            "",
        ),
        ("a.docx", workbook(), "the name ends in .docx, but this is an Excel workbook", "end in .xlsx"),
        ("a.md", b"%PDF-1.7 ...", "the name ends in .md, but this is a PDF", "end in .pdf"),
        ("a.pdf", word(), "but this is a Word document", "end in .docx"),
        ("a.txt", word(), "but this is a Word document", "end in .docx"),
        ("a.txt", b"\x7fELF\x02\x01\x01", "but this is a program", "Expected text"),
        ("a.txt", b"text \x00\x01\x02 more", "binary, not text", "UTF-8"),
        ("a.txt", bytes(range(1, 256)) * 9, "not UTF-8", "UTF-8"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "but this is an image", "Expected text"),
        (
            "a.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "password",
            "",
        ),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "Office 2003", "Save it as .docx"),
        ("a.docx", word()[:-4000], "cannot be read", "Office Open XML"),
        ("a.xlsx", workbook()[:900], "cannot be read", "Office Open XML"),
        ("a.pptx", b"PK\x03\x04" + b"x" * 90, "cannot be read", "Office Open XML"),
        ("a.docx", office_bomb, "unpacks to more than 200 MB", "Divide"),
        ("a.md", b"", "empty", "Save it again"),
        ("a.pdf", b" \n ", "empty", "Save it again"),
        ("a.xlsx", b"", "empty", "Save it again"),
        ("a.xyz", b"text", "`.xyz` cannot be read", "Expected .md"),
        ("LICENSE", b"text", "`LICENSE` cannot be read", "Expected .md"),
        ("a.eml", b"only words", "not an e-mail", "RFC 5322"),
        ("a.zip", b"PK\x03\x04 broken", "cannot be read", "without a password"),
        ("a.zip", archive(), "no files", "Pack documents"),
    ],
)
def test_a_bad_file_is_refused_with_what_and_what_to_do(name, content, says, advises):
    (file,) = read(name, content() if callable(content) else content)
    assert file.documents == ()
    assert file.refusal.source == f"kb/{name}"
    assert says in file.refusal.reason
    assert advises in file.refusal.hint


def test_two_hundred_megabytes_are_refused_before_they_are_read(tmp_path, monkeypatch):
    (tmp_path / "good.md").write_bytes(GOOD)
    with (tmp_path / "big.txt").open("wb") as big:
        big.truncate(200 * 2**20)
    opened = []
    real = os.open
    monkeypatch.setattr(
        "os.open", lambda path, *rest, **more: opened.append(str(path)) or real(path, *rest, **more)
    )
    files = list(FolderSource(tmp_path, "kb").read())
    assert "200 MB" in refusals(files)["kb/big.txt"]
    assert read_titles(files) == ["Good"]
    assert not any("big.txt" in path for path in opened)


def test_every_file_of_an_archive_is_read_by_its_own_loader_with_its_side_file():
    packed = archive(
        ("a/returns.md", GOOD),
        ("a/returns.md.yaml", b"title: Returns\nowner: Ops\n"),
        ("b/terms.docx", word()),
        ("__MACOSX/a/._returns.md", b"x"),
        (".DS_Store", b"x"),
        ("policies/rules.md", GOOD),
    )
    files = read("all.zip", packed)
    assert [file.source for file in files] == ["kb/all.zip!/a/returns.md", "kb/all.zip!/b/terms.docx"]
    assert (files[0].documents[0].title, files[0].documents[0].owner) == ("Returns", "Ops")


def test_what_is_said_of_an_archive_holds_for_every_file_in_it():
    files = read(
        "all.zip",
        archive(("a.md", GOOD), ("b.txt", b"Words.")),
        metadata={"audience": "internal", "tags": "x"},
    )
    assert {(d.audience.value, d.tags) for f in files for d in f.documents} == {("internal", ("x",))}


@pytest.mark.parametrize(
    "path",
    ["../../etc/evil.md", "/etc/evil.md", "a/../../evil.md", "..\\..\\evil.md", "C:/evil.md", "C:\\evil.md"],
)
def test_a_path_that_leads_out_of_the_archive_is_refused_and_the_rest_read(path):
    files = read("a.zip", archive((path, GOOD), ("good.md", GOOD)))
    (reason,) = refusals(files).values()
    assert "leads out of the archive" in reason
    assert read_titles(files) == ["Good"]


def test_a_link_in_an_archive_is_refused():
    link = zipfile.ZipInfo("passwd.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    files = read("a.zip", archive((link, b"/etc/passwd"), ("good.md", GOOD)))
    assert "is a link" in refusals(files)["kb/a.zip!/passwd.md"]
    assert read_titles(files) == ["Good"]


def test_an_encrypted_entry_is_refused():
    packed = bytearray(archive(("locked.md", GOOD), ("good.md", GOOD)))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(mark) + at] |= 1
    files = read("a.zip", bytes(packed))
    assert "encrypted" in refusals(files)["kb/a.zip!/locked.md"]
    assert read_titles(files) == ["Good"]


def test_a_damaged_entry_is_refused_and_the_rest_read():
    packed = bytearray(archive(("bad.md", b"x" * 500), ("good.md", GOOD), compression=zipfile.ZIP_STORED))
    packed[packed.index(b"xxxx")] ^= 1
    files = read("a.zip", bytes(packed))
    assert "damaged" in refusals(files)["kb/a.zip!/bad.md"]
    assert read_titles(files) == ["Good"]


def test_a_zip_bomb_is_refused_by_what_it_declares():
    files = read("bomb.zip", archive(*[(f"{n}.txt", b"0" * (40 * 2**20)) for n in range(8)]))
    (reason,) = refusals(files).values()
    assert "would unpack to 320 MB" in reason


def test_a_zip_bomb_that_lies_about_its_size_is_stopped_by_what_comes_out():
    packed = bytearray(archive(("good.md", GOOD), ("bomb.txt", b"0" * (8 * 2**20)), ("late.md", GOOD)))
    name = packed.rindex(b"bomb.txt")
    packed[name - 46 + 24 : name - 46 + 28] = struct.pack("<I", 100)  # size in the directory
    files = read("bomb.zip", bytes(packed), limits=ArchiveLimits(file_bytes=2**20, total_bytes=4 * 2**20))
    assert "kb/bomb.zip!/bomb.txt" in refusals(files)
    assert read_titles(files) == ["Good", "Good"]


def test_a_quine_of_archives_ends():
    inner = archive(("good.md", GOOD))
    for _ in range(6):
        inner = archive(("good.md", GOOD), ("inner.zip", inner))
    files = read("deep.zip", inner)
    (reason,) = refusals(files).values()
    assert "more than 2 deep" in reason
    assert len(read_titles(files)) == 3


def test_what_archives_unpack_counts_together():
    inner = archive(*[(f"{n}.txt", b"word " * 200_000) for n in range(3)])
    files = read(
        "a.zip", archive(("1.zip", inner), ("2.zip", inner)), limits=ArchiveLimits(total_bytes=4 * 2**20)
    )
    assert "would unpack" in refusals(files)["kb/a.zip!/2.zip"]
    assert len(read_titles(files)) == 3


def test_too_many_files_are_refused_together():
    files = read("a.zip", archive(*[(f"{n}.md", GOOD) for n in range(12)]), limits=ArchiveLimits(files=10))
    assert "12 files" in refusals(files)["kb/a.zip"]


def test_a_file_alone_is_a_source_of_its_own(tmp_path):
    (tmp_path / "a.zip").write_bytes(archive(("x.md", GOOD)))
    source = FileSource(tmp_path / "a.zip")
    assert [file.source for file in source.read()] == ["a.zip!/x.md"]
    assert source.owns("x", "1", "a.zip!/x.md")
    assert not source.owns("x", "1", "a.zip.md")
    with pytest.raises(NotFound):
        FileSource(tmp_path / "gone.md")


def test_files_whose_names_say_nothing_take_their_folders_name(tmp_path):
    for folder in ("returns", "shipping"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "index.html").write_text(f"<p>About {folder}.</p>")
    ids = [d.external_id for f in FolderSource(tmp_path).read() for d in f.documents]
    assert ids == ["returns-index", "shipping-index"]
