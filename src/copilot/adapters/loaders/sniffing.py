"""What a file is by its content, to compare with what its name says."""

import io
import re
import zipfile

from copilot.domain.errors import UnreadableDocument

_OFFICE_PARTS = {
    "word/document.xml": ".docx",
    "ppt/presentation.xml": ".pptx",
    "xl/workbook.xml": ".xlsx",
}
_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"{\\rtf", "a Rich Text file"),
    (b"SQLite format 3", "a database"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PROGRAM = re.compile(rb"MZ[\x00-\x1f\x80-\xff]|MZ.{0,62}\x00", re.DOTALL)
_KINDS = {".pdf": "a PDF", ".docx": "a Word document", ".pptx": "a PowerPoint deck",
          ".xlsx": "an Excel workbook", ".zip": "a zip archive"}  # fmt: skip
_BINARY = frozenset(_KINDS)


def check_content(suffix: str, content: bytes, *, where: str) -> None:
    """Raises `UnreadableDocument` when the content is plainly of another kind than its name says."""
    suffix = suffix.lower()
    if not content.strip():
        raise UnreadableDocument("the file is empty.", hint="Save it again, or delete it.", where=where)
    if content.startswith(_OLE):
        raise _old_or_locked(content, where)
    found = _kind(content)
    if found is None or found == suffix:
        return
    is_text = suffix not in _BINARY
    shown = _KINDS.get(found, found)
    if found in _KINDS:
        advice = f"Rename it to end in {found}."
        raise UnreadableDocument(f"the name ends in {suffix}, but this is {shown}.", hint=advice, where=where)
    if is_text or found != suffix:
        advice = f"Expected {_KINDS.get(suffix, 'text')}."
        raise UnreadableDocument(f"the name ends in {suffix}, but this is {shown}.", hint=advice, where=where)


def _kind(content: bytes) -> str | None:
    """A suffix that we read, or words for what we do not; None for what may be text."""
    if b"%PDF-" in content[:1024]:
        return ".pdf"
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(content)
    for mark, name in _MARKS:
        if content.startswith(mark) and (mark != b"MZ" or _PROGRAM.match(content)):
            return name
    return None


def _zip_kind(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return None  # damaged; whoever reads it says how
    return next((suffix for part, suffix in _OFFICE_PARTS.items() if part in names), ".zip")


def _old_or_locked(content: bytes, where: str) -> UnreadableDocument:
    if _ENCRYPTED in content:
        return UnreadableDocument(
            "the file is protected with a password.", hint="Save it without one.", where=where
        )
    return UnreadableDocument(
        "this is a file of Office 2003 or older.", hint="Save it as .docx, .xlsx or .pptx.", where=where
    )
