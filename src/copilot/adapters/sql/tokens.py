"""Texts as FTS5 sees them: SQLite itself cuts and stems them, so that PostgreSQL ranks by the same words."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence

from copilot.adapters.sql.full_text import TOKENIZER

_LONGEST_WORD = 200
"""Characters; longer ones are no words, and PostgreSQL refuses a lexeme of 2 KB."""
_MOST_PLACES = 255
"""PostgreSQL keeps no more of one lexeme in one text."""
FREQUENCY_STEPS = tuple(
    # Half a step below what ts_rank makes of n places, n = 1, 2, …: sum(1 / j²) / 1.64493406685
    (sum(1 / j**2 for j in range(1, n + 1)) - 0.5 / n**2) / 1.64493406685
    for n in range(1, _MOST_PLACES + 1)
)

_own = threading.local()


def word_counts(texts: Sequence[tuple[str, str]]) -> list[Counter[str]]:
    """How often each stemmed word stands in each (context, text)."""
    connection = _connection()
    found: list[Counter[str]] = [Counter() for _ in texts]
    with connection:
        connection.executemany(
            "INSERT INTO texts(rowid, context, text) VALUES (?, ?, ?)",
            [(row, context, text) for row, (context, text) in enumerate(texts)],
        )
        for word, row, count in connection.execute(
            "SELECT term, doc, count(*) FROM words GROUP BY doc, term"
        ):
            found[row][word] = count
        connection.execute("DELETE FROM texts")
    return found


def stems(words: Sequence[str]) -> Counter[str]:
    """The stems of a query's words, and how many of the words each has."""
    return word_counts([("", " ".join(words))])[0]


def lexeme(word: str) -> str:
    """As PostgreSQL reads a text vector or a query, none of whose characters is syntax there."""
    return "'" + word[:_LONGEST_WORD].replace("\\", "\\\\").replace("'", "''") + "'"


def text_vector(counts: Counter[str]) -> str:
    """With a place for each time the word stands there: their number is what counts."""
    return " ".join(
        f"{lexeme(word)}:{','.join(str(place) for place in range(1, min(count, _MOST_PLACES) + 1))}"
        for word, count in counts.items()
    )


def _connection() -> sqlite3.Connection:
    connection: sqlite3.Connection | None = getattr(_own, "connection", None)
    if connection is None:
        connection = _own.connection = sqlite3.connect(":memory:")
        connection.execute(f"CREATE VIRTUAL TABLE texts USING fts5(context, text, tokenize='{TOKENIZER}')")
        connection.execute("CREATE VIRTUAL TABLE words USING fts5vocab(texts, instance)")
    return connection
