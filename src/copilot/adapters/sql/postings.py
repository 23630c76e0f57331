"""Where a query's words stand and what each weighs there, kept in memory: BM25 without a scan.

BM25 is a sum over words, so what FTS5 says of one word is read once and added up with the others': exactly
what FTS5 would say of them together. A common word of a large collection costs too much to wait for: the
first query goes without it, and it is read in the background for those that follow.
"""

import asyncio
import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from copilot.adapters.sql import full_text
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_tables import full_text_table
from copilot.domain.errors import CopilotError

WAITED_ROWS = 4_000
"""So many rows one query waits for (about 2 µs each); its rarest word always."""
WAITED_ROWS_A_WORD = 200
"""Of a long text more: its rarest words alone would mislead."""
_UNIT = 1e9
"""Scores travel as integers of this part, which are quicker to write and read than fractions."""
KEPT_ROWS = 12_000_000
"""Of 12 bytes each, for all tenants."""
KEPT_NAMES = 200_000
"""Of passages that were found, for each tenant."""
_BLOCK = 64
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Postings:
    """The rows that have a word, ascending, and the word's part in each one's BM25 (higher is better)."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class KeywordSearch:
    """BM25 over each tenant's passages. `forget` after every write to a tenant's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[tuple[str, str], Postings] = OrderedDict()
        self._kept_rows = 0
        self._names: dict[str, dict[int, str]] = {}
        self._written: dict[str, int] = {}
        self._coming: dict[tuple[str, str], asyncio.Task[None]] = {}

    def forget(self, tenant_id: str) -> None:
        self._written[tenant_id] = self._written.get(tenant_id, 0) + 1
        self._names.pop(tenant_id, None)
        for key in [key for key in self._kept if key[0] == tenant_id]:
            self._kept_rows -= len(self._kept.pop(key).rows)

    async def match(
        self, tenant_id: str, query: str, limit: int, *, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """(passage id, BM25), best first; nothing when the tenant has no passage or the query no word.

        `among` names the only passages wanted; words weigh as they do among all.
        """
        if not (words := full_text.query_words(query)):
            return []
        kept, new = self._recall(tenant_id, words)
        written = self._written.get(tenant_id)
        names = self._names.setdefault(tenant_id, {})
        if len(names) > KEPT_NAMES:
            names = self._names[tenant_id] = {}

        def work(
            connection: sqlite3.Connection,
        ) -> tuple[dict[str, Postings], list[str], list[tuple[str, float]]]:
            read, common = _rarest(connection, tenant_id, new, has_others=bool(kept))
            found = [*kept, *read.values()]
            if among is not None:
                only = _rows_of(connection, tenant_id, among)
                found = [_within(postings, only) for postings in found]
            return read, common, _named(connection, _best(found, limit), names)

        read, common, best = await self._database.readers.read(work)
        if self._written.get(tenant_id) == written:
            for word, postings in read.items():
                self._keep((tenant_id, word), postings)
        for word in common:
            self._read_later(tenant_id, word)
        return best

    def _recall(self, tenant_id: str, words: Sequence[str]) -> tuple[list[Postings], list[str]]:
        """What is kept, and the words of which nothing is."""
        kept, new = [], []
        for word in words:
            if (tenant_id, word) in self._kept:
                self._kept.move_to_end((tenant_id, word))
                kept.append(self._kept[tenant_id, word])
            else:
                new.append(word)
        return kept, new

    def _keep(self, key: tuple[str, str], postings: Postings) -> None:
        if (before := self._kept.pop(key, None)) is not None:
            self._kept_rows -= len(before.rows)
        self._kept[key] = postings
        self._kept_rows += len(postings.rows)
        while self._kept_rows > KEPT_ROWS:
            _, forgotten = self._kept.popitem(last=False)
            self._kept_rows -= len(forgotten.rows)

    def _read_later(self, tenant_id: str, word: str) -> None:
        """One word after another: queries that come now go first."""
        key = (tenant_id, word)
        if key in self._coming:
            return
        before = list(self._coming.values())

        async def read() -> None:
            try:
                if before:
                    await asyncio.wait(before[-1:])
                written = self._written.get(tenant_id)
                postings = await self._database.readers.read(
                    lambda connection: _postings(connection, tenant_id, word)
                )
                if self._written.get(tenant_id) == written:
                    self._keep(key, postings)
            except CopilotError:
                pass  # whoever asks for the word again hears of it
            finally:
                self._coming.pop(key, None)

        self._coming[key] = asyncio.create_task(read())

    async def close(self) -> None:
        """Ends what is being read in the background."""
        tasks = list(self._coming.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _rarest(
    connection: sqlite3.Connection, tenant_id: str, words: Sequence[str], *, has_others: bool
) -> tuple[dict[str, Postings], list[str]]:
    """Postings of the rarest words as far as one query may wait for them, and the words left over."""
    if not words or not _has_words(connection, tenant_id):
        return {}, []
    read: dict[str, Postings] = {}
    common: list[str] = []
    waited, most = 0, max(WAITED_ROWS, WAITED_ROWS_A_WORD * len(words))
    for frequency, word in sorted((_frequency(connection, tenant_id, word, most), word) for word in words):
        if waited + frequency > most and (has_others or waited):
            common.append(word)
        else:
            waited += frequency
            read[word] = _postings(connection, tenant_id, word)
    return read, common


def _has_words(connection: sqlite3.Connection, tenant_id: str) -> bool:
    """False for a tenant that never had a passage."""
    statement = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(statement, (full_text_table(tenant_id),)).fetchone() is not None


def _frequency(connection: sqlite3.Connection, tenant_id: str, word: str, most: int) -> int:
    """How many passages have the word; counted to `most` and one."""
    table = full_text_table(tenant_id)
    statement = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT ?)"  # noqa: S608
    (count,) = connection.execute(statement, (full_text.quoted(word), most + 1)).fetchone()
    return int(count)


def _postings(connection: sqlite3.Connection, tenant_id: str, word: str) -> Postings:
    """In one row of two JSON lists: SQLite makes them without Python's lock, which a row each would take."""
    table = full_text_table(tenant_id)
    weights = f"bm25({full_text.CONTEXT_WEIGHT}, {full_text.TEXT_WEIGHT})"
    statement = (
        "SELECT json_group_array(row), json_group_array(score) FROM ("  # noqa: S608
        f"SELECT rowid AS row, CAST(rank * -{_UNIT} AS INTEGER) AS score FROM {table} "
        f"WHERE {table} MATCH ? AND rank MATCH '{weights}')"
    )
    rows, scores = connection.execute(statement, (full_text.quoted(word),)).fetchone()
    return Postings(
        rows=np.array(orjson.loads(rows), dtype=np.int64),
        scores=np.array(orjson.loads(scores), dtype=np.float32) / np.float32(_UNIT),
    )


def _rows_of(connection: sqlite3.Connection, tenant_id: str, passage_ids: Sequence[str]) -> NDArray[np.int64]:
    statement = (
        "SELECT json_group_array(row) FROM passages "
        "WHERE +tenant_id = ? AND id IN (SELECT value FROM json_each(?))"
    )
    (rows,) = connection.execute(statement, (tenant_id, json.dumps(list(passage_ids)))).fetchone()
    return np.array(orjson.loads(rows), dtype=np.int64)


def _named(
    connection: sqlite3.Connection, best: Sequence[tuple[int, float]], names: dict[int, str]
) -> list[tuple[str, float]]:
    """With passage ids for rows, which `names` remembers; without one that was deleted just now."""
    if new := [row for row, _ in best if row not in names]:
        statement = (
            "SELECT json_group_array(json_array(row, id)) FROM passages "
            "WHERE row IN (SELECT value FROM json_each(?))"
        )
        (found,) = connection.execute(statement, (json.dumps(new),)).fetchone()
        names.update(orjson.loads(found))
    named = ((names.get(row), score) for row, score in best)
    return [(name, score) for name, score in named if name is not None]


def _within(postings: Postings, rows: NDArray[np.int64]) -> Postings:
    kept = np.isin(postings.rows, rows, assume_unique=True)
    return Postings(postings.rows[kept], postings.scores[kept])


def _best(found: Iterable[Postings], limit: int) -> list[tuple[int, float]]:
    """(row, sum of scores), best first; of equals the one that was written first."""
    found = [postings for postings in found if len(postings.rows)]
    if not found:
        return []
    first = min(int(postings.rows[0]) for postings in found)
    last = max(int(postings.rows[-1]) for postings in found)
    sums = np.zeros(last - first + 1, dtype=np.float32)
    for postings in found:
        sums[postings.rows - first] += postings.scores  # a word has each row once
    rows = np.flatnonzero(sums >= max(_least(sums, limit), _TINY))
    order = rows[np.argsort(-sums[rows], kind="stable")][:limit]
    return list(zip((order + first).tolist(), sums[order].tolist(), strict=True))


def _least(sums: NDArray[np.float32], limit: int) -> float:
    """A number that at least `limit` of the sums reach, or else 0: few of them are larger than it.

    Sums are mostly zero, and partitioning them all is slow: as many blocks as are wanted have one so large.
    """
    blocks = len(sums) // _BLOCK
    if blocks <= limit:
        return 0.0
    highest = sums[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
    return float(np.partition(highest, blocks - limit)[blocks - limit])
