"""`copilot ingest`: several sources in one command, tried first or stored, each with its own deletions."""

import zipfile

import pytest
from typer.testing import CliRunner

from copilot.cli.app import build_app
from copilot.domain.errors import ConfigurationError, InvalidInput


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COPILOT_KNOWLEDGE_DIR", str(tmp_path / "knowledge"))
    return tmp_path


def ingest(*arguments, status=0):
    result = CliRunner().invoke(build_app(), ["ingest", *map(str, arguments)])
    if isinstance(result.exception, Exception):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.stdout


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def returns(place, text="Within 30 days."):
    return write(place / "kb" / "returns.md", f"# Returns\n\n## 3.2 Window\n\n{text}\n")


def test_a_dry_run_says_what_would_happen_and_leaves_nothing_behind(place):
    returns(place)
    write(place / "kb" / "bad.xyz", "x")
    said = ingest(place / "kb", "--dry-run", status=2)
    assert (
        "This is what would happen:\n1 added, 0 changed, 0 unchanged, 0 removed; 1 passages, 0 embedded."
        in said
    )
    assert "added: returns v1" in said
    assert "refused: kb/bad.xyz: files of the kind `.xyz` cannot be read. Expected .md" in said
    assert not (place / "data").exists()


def test_a_preview_prints_passages_with_headings_tokens_and_pages(place):
    returns(place)
    said = ingest(place / "kb" / "returns.md", "--preview")
    assert "Returns (returns v1, added)\n  1. Returns › 3.2 Window · 5 tokens\n     Within 30 days.\n" in said
    assert not (place / "data").exists()


def test_a_dry_run_tells_the_truth_about_what_follows(place):
    path = returns(place)
    other = write(place / "kb" / "fees.md", "# Fees\n\nNone.")
    ingest(place / "kb")
    returns(place, "Within 60 days.")
    other.unlink()
    write(place / "kb" / "new.md", "New.")
    planned = ingest(place / "kb", "--dry-run")
    done = ingest(place / "kb")
    named = [line for line in done.splitlines() if ": " in line]
    assert sorted(named) == ["added: new v1", "changed: returns v1", "removed: fees v1"]
    assert all(line in planned for line in named)
    assert "0 added, 0 changed, 2 unchanged, 0 removed; 0 passages, 0 embedded." in ingest(place / "kb")
    assert path.exists()


def test_each_path_keeps_its_own_deletions(place):
    for folder in ("a", "b"):  # of the same name, in different places
        write(place / folder / "docs" / f"{folder}.md", f"About {folder}.")
    with zipfile.ZipFile(place / "more.zip", "w") as archive:
        archive.writestr("x/zipped.md", "In the archive.")
    said = ingest(place / "a" / "docs", place / "b" / "docs", place / "more.zip")
    assert all(f"added: {name} v1" in said for name in ("a", "b", "zipped"))
    (place / "b" / "docs" / "b.md").unlink()
    write(place / "b" / "docs" / "c.md", "About c.")
    said = ingest(place / "b" / "docs")
    assert "1 added, 0 changed, 0 unchanged, 1 removed" in said
    assert "removed: b v1" in said
    with zipfile.ZipFile(place / "more.zip", "w") as archive:
        archive.writestr("x/other.md", "Another.")
    assert "removed: zipped v1" in ingest(place / "more.zip")
    assert "0 added, 0 changed, 1 unchanged, 0 removed" in ingest(place / "a" / "docs")


def test_a_part_of_a_folder_is_refreshed_without_touching_the_rest(place):
    returns(place)
    part = write(place / "kb" / "fees" / "index.html", "<p>None.</p>").parent
    ingest(place / "kb")
    write(part / "index.html", "<p>Five.</p>")
    assert "0 added, 1 changed, 0 unchanged, 0 removed" in ingest(part / "index.html")
    assert "0 added, 0 changed, 1 unchanged, 0 removed" in ingest(part)
    assert "0 added, 0 changed, 2 unchanged, 0 removed" in ingest(place / "kb")


def test_a_file_that_breaks_keeps_what_it_gave(place):
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        archive.writestr("a.md", "One.")
    ingest(place / "all.zip")
    whole = (place / "all.zip").read_bytes()
    (place / "all.zip").write_bytes(whole[:-30])
    said = ingest(place / "all.zip", status=2)
    assert "0 removed" in said
    assert "refused: all.zip: the archive cannot be read" in said


def test_addresses_on_this_machine_are_refused(place):
    said = ingest("--url", "http://127.0.0.1:9/secret", status=2)
    assert "127.0.0.1, which is not a public address. Sources are read from the internet only" in said


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ([], InvalidInput, "nothing to ingest"),
        (["nowhere"], InvalidInput, "no such folder or file"),
        (["--url", "ftp://x"], ConfigurationError, "urls"),
        (["--source", "nobody"], ConfigurationError, "cannot be read"),
        (["--feed", "feed.yaml"], InvalidInput, "a source of the kind zendesk"),
        (["--zendesk", "feed.yaml", "--dry-run"], ConfigurationError, "COPILOT_NO_SUCH_KEY is not set"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_done(place, monkeypatch, arguments, error, says):
    monkeypatch.chdir(place)
    write(
        place / "feed.yaml",
        "kind: zendesk\nurl: https://acme.zendesk.com\nsecret_env: COPILOT_NO_SUCH_KEY\n",
    )
    with pytest.raises(error, match=says):
        ingest(*arguments)
    assert not (place / "data").exists()
