"""What a word weighs in each passage that has it, reckoned from FTS5's index: its BM25, without its ranking.

FTS5 says where a word stands several times faster than it ranks what it finds; the rest is arithmetic, and
the weights are those of its `bm25()` (https://sqlite.org/fts5.html#the_bm25_function: k1 = 1.2, b = 0.75,
both columns weigh one).
"""

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from copilot.adapters.sql.knowledge_tables import full_text_table

_K1, _B = 1.2, 0.75
_LEAST_WORTH = 1e-6
"""Of a word that most passages have, as FTS5 has it."""
_AVERAGES = 1
"""Where FTS5 keeps how many rows it has, and how many words each column has in all of them."""
_STRUCTURE = 10
"""Where FTS5 says what its index is made of, which every write changes."""
_MORE = 0x80
_MOST_VOCABULARIES = 256

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Postings:
    """The rows that have a word, ascending, and the word's part in each one's BM25 (higher is better)."""

    rows: Rows
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class Lengths:
    """Words of each passage; `rows` ascending."""

    rows: Rows
    words: NDArray[np.float32]

    def of(self, rows: Rows) -> NDArray[np.float32]:
        """Each of `rows` must be there."""
        return self.words[np.searchsorted(self.rows, rows)]


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements within see the same state."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def has_words(connection: sqlite3.Connection, tenant_id: str) -> bool:
    """False for a tenant that never had a passage."""
    statement = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(statement, (full_text_table(tenant_id),)).fetchone() is not None


def state(connection: sqlite3.Connection, tenant_id: str) -> bytes:
    """Another one after every write to the tenant's words by any process; empty before the first."""
    statement = f"SELECT block FROM {full_text_table(tenant_id)}_data WHERE id = ?"  # noqa: S608
    try:
        (block,) = connection.execute(statement, (_STRUCTURE,)).fetchone()
    except sqlite3.OperationalError:
        if has_words(connection, tenant_id):
            raise
        return b""
    return bytes(block)


def frequency(connection: sqlite3.Connection, tenant_id: str, word: str, most: int) -> int:
    """How often the tenant's passages have the stemmed word; counted to `most` and one."""
    places = f"SELECT 1 FROM {_vocabulary(connection, tenant_id)} WHERE term = ? LIMIT ?"  # noqa: S608
    statement = f"SELECT count(*) FROM ({places})"  # noqa: S608
    (count,) = connection.execute(statement, (word, most + 1)).fetchone()
    return int(count)


def postings(
    connection: sqlite3.Connection, tenant_id: str, word: str, lengths: Lengths | None = None
) -> Postings:
    """Of a stemmed word; `lengths` of all the tenant's passages, when they are at hand.

    Within `one_moment`, or what others write in between would not fit together.
    """
    statement = f"SELECT json_group_array(doc) FROM {_vocabulary(connection, tenant_id)} WHERE term = ?"  # noqa: S608
    (places,) = connection.execute(statement, (word,)).fetchone()
    rows, times = np.unique(np.array(orjson.loads(places), dtype=np.int32), return_counts=True)
    if not len(rows):
        return Postings(rows, np.empty(0, dtype=np.float32))
    passages, average = _averages(connection, tenant_id)
    words = lengths.of(rows) if lengths is not None else read_lengths(connection, tenant_id, rows).words
    worth = max(math.log((passages - len(rows) + 0.5) / (len(rows) + 0.5)), _LEAST_WORTH)
    scores = worth * times * (_K1 + 1) / (times + _K1 * (1 - _B + _B * words / average))
    return Postings(rows, scores.astype(np.float32))


def read_lengths(connection: sqlite3.Connection, tenant_id: str, rows: Rows | None = None) -> Lengths:
    """Of all the tenant's passages, or of some."""
    among: str = ""
    names: tuple[str, ...] = ()
    if rows is not None:
        among, names = "WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(rows.tolist()),)
    statement = (
        "SELECT json_group_array(id), CAST(group_concat(sz, '') AS BLOB) FROM "  # noqa: S608
        f"(SELECT id, sz FROM {full_text_table(tenant_id)}_docsize {among} ORDER BY id)"
    )
    found, sizes = connection.execute(statement, names).fetchone()
    identities = np.array(orjson.loads(found), dtype=np.int32)
    columns = _numbers(sizes or b"").reshape(len(identities), -1)
    return Lengths(identities, columns.sum(axis=1).astype(np.float32))


def rows_of(connection: sqlite3.Connection, tenant_id: str, passage_ids: Sequence[str]) -> Rows:
    statement = (
        "SELECT json_group_array(row) FROM passages "
        "WHERE +tenant_id = ? AND id IN (SELECT value FROM json_each(?))"
    )
    (rows,) = connection.execute(statement, (tenant_id, json.dumps(list(passage_ids)))).fetchone()
    return np.array(orjson.loads(rows), dtype=np.int32)


def _averages(connection: sqlite3.Connection, tenant_id: str) -> tuple[int, float]:
    """How many passages there are, and how many words one has."""
    statement = f"SELECT block FROM {full_text_table(tenant_id)}_data WHERE id = ?"  # noqa: S608
    (block,) = connection.execute(statement, (_AVERAGES,)).fetchone()
    passages, *words = _numbers(block).tolist()
    return passages, sum(words) / passages


def _numbers(block: bytes) -> NDArray[np.int64]:
    """SQLite's numbers of variable length: seven bits a byte, highest first, and a mark that more follow."""
    octets = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(octets < _MORE)
    lengths = np.diff(ends, prepend=-1)
    numbers = np.zeros(len(ends), dtype=np.int64)
    for place in range(int(lengths.max(initial=0))):
        has = place < lengths
        numbers[has] |= (octets[ends[has] - place].astype(np.int64) & (_MORE - 1)) << (7 * place)
    return numbers


def _vocabulary(connection: sqlite3.Connection, tenant_id: str) -> str:
    """A view of the tenant's words, which lives as long as the connection."""
    table = full_text_table(tenant_id)
    name = f"{table}_places"
    if connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = ?", (name,)).fetchone() is None:
        views = connection.execute("SELECT name FROM temp.sqlite_master WHERE type = 'table'").fetchall()
        # Views are the connection's own; of the database nothing is written.
        connection.execute("PRAGMA query_only = OFF")
        try:
            for (other,) in views if len(views) >= _MOST_VOCABULARIES else ():
                connection.execute(f"DROP TABLE temp.{other}")
            connection.execute(
                f"CREATE VIRTUAL TABLE temp.{name} USING fts5vocab('main', '{table}', 'instance')"
            )
        finally:
            connection.execute("PRAGMA query_only = ON")
    return f"temp.{name}"
