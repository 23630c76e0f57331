"""The data folder's files: searched for words, and the database's free pages overwritten."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from copilot.domain.privacy import spellings

_PIECE = 1 << 20
_WAIT_SECONDS = 10.0


def files_holding(folder: Path, words: Sequence[str]) -> Counter[str]:
    """Files under `folder` in whose bytes one of `words` stands, with how many of the words; blocking."""
    forms = {word: [form.encode() for form in spellings(word)] for word in words}
    found = Counter[str]()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] += _words_in(path, forms)
    return +found


def overwrite_free_pages(database: Path) -> bool:
    """SQLite leaves what was deleted in free pages and in the log of its writes; blocking.

    False when somebody kept it from ending: try again when the server stands still.
    """
    connection = sqlite3.connect(database, isolation_level=None, timeout=_WAIT_SECONDS)
    try:
        connection.execute("VACUUM")
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return not busy


def _words_in(path: Path, forms: dict[str, list[bytes]]) -> int:
    longest = max((len(form) for each in forms.values() for form in each), default=1)
    missing, before = set(forms), b""
    with path.open("rb") as file:
        while missing and (piece := file.read(_PIECE)):
            text = before + piece
            missing = {word for word in missing if not any(form in text for form in forms[word])}
            before = text[1 - longest :] if longest > 1 else b""
    return len(forms) - len(missing)
