"""Where a query's words stand and what each weighs there, kept in memory: BM25 without a scan.

BM25 is a sum over words, so what FTS5 says of one word is read once and added up with the others': exactly
what FTS5 would say of them together. A common word of a large collection costs too much to wait for: the
first query goes without it, and it is read in the background for those that follow.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql import full_text
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_tables import full_text_table
from copilot.domain.errors import CopilotError

WAITED_ROWS = 4_000
"""So many rows one query waits for (about 2 µs each); its rarest word always."""
_UNIT = 1e9
"""Scores travel as integers of this part, which are quicker to write and read than fractions."""
KEPT_ROWS = 12_000_000
"""Of 8 bytes each, for all tenants."""
_ADDED_ON_THE_LOOP = 20_000


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
        self._written: dict[str, int] = {}
        self._coming: dict[tuple[str, str], asyncio.Task[None]] = {}

    def forget(self, tenant_id: str) -> None:
        self._written[tenant_id] = self._written.get(tenant_id, 0) + 1
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
        async with self._database.peek() as connection:
            try:
                found = await self._postings(connection, tenant_id, words)
            except OperationalError as error:
                if "no such table" in str(error.orig):
                    return []
                raise
            if among is not None:
                only = await _rows_of(connection, tenant_id, among)
                found = [_within(postings, only) for postings in found]
            if sum(len(postings.rows) for postings in found) <= _ADDED_ON_THE_LOOP:
                best = _best(found, limit)
            else:
                best = await asyncio.to_thread(_best, found, limit)
            return await _named(connection, best)

    async def _postings(
        self, connection: AsyncConnection, tenant_id: str, words: Sequence[str]
    ) -> list[Postings]:
        """Of the words that are kept, and of the rarest others as far as one query may wait for them."""
        found = []
        new: list[tuple[int, str]] = []
        for word in words:
            postings = self._kept.get((tenant_id, word))
            if postings is None:
                new.append((await _frequency(connection, tenant_id, word), word))
            else:
                self._kept.move_to_end((tenant_id, word))
                found.append(postings)
        waited = 0
        for frequency, word in sorted(new):
            if waited + frequency > WAITED_ROWS and (found or waited):
                self._read_later(tenant_id, word)
                continue
            waited += frequency
            found.append(await self._read(connection, tenant_id, word))
        return found

    async def _read(self, connection: AsyncConnection, tenant_id: str, word: str) -> Postings:
        written = self._written.get(tenant_id)
        postings = await _postings(connection, tenant_id, word)
        if self._written.get(tenant_id) == written and len(postings.rows) <= KEPT_ROWS:
            self._keep((tenant_id, word), postings)
        return postings

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
                async with self._database.peek() as connection:
                    await self._read(connection, tenant_id, word)
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


async def _frequency(connection: AsyncConnection, tenant_id: str, word: str) -> int:
    """How many passages have the word; counted no further than it matters."""
    table = full_text_table(tenant_id)
    statement = text(
        f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH :word LIMIT :most)"  # noqa: S608
    )
    parameters = {"word": full_text.quoted(word), "most": WAITED_ROWS + 1}
    return int(await connection.scalar(statement, parameters) or 0)


async def _postings(connection: AsyncConnection, tenant_id: str, word: str) -> Postings:
    """In one row of two JSON lists: SQLite makes them without Python's lock, which a row each would take."""
    table = full_text_table(tenant_id)
    weights = f"bm25({full_text.CONTEXT_WEIGHT}, {full_text.TEXT_WEIGHT})"
    statement = text(
        f"SELECT json_group_array(row), json_group_array(score) FROM (SELECT rowid AS row, "  # noqa: S608
        f"CAST(rank * -{_UNIT} AS INTEGER) AS score FROM {table} "
        f"WHERE {table} MATCH :word AND rank MATCH '{weights}')"
    )
    rows, scores = (await connection.execute(statement, {"word": full_text.quoted(word)})).one()
    return Postings(
        rows=np.array(orjson.loads(rows), dtype=np.int64),
        scores=np.array(orjson.loads(scores), dtype=np.float32) / _UNIT,
    )


async def _rows_of(
    connection: AsyncConnection, tenant_id: str, passage_ids: Sequence[str]
) -> NDArray[np.int64]:
    statement = text(
        "SELECT json_group_array(row) FROM passages "
        "WHERE tenant_id = :tenant AND id IN (SELECT value FROM json_each(:ids))"
    )
    parameters = {"tenant": tenant_id, "ids": json.dumps(list(passage_ids))}
    return np.array(orjson.loads(await connection.scalar(statement, parameters)), dtype=np.int64)


async def _named(connection: AsyncConnection, best: Sequence[tuple[int, float]]) -> list[tuple[str, float]]:
    """With passage ids for rows; a row that was deleted in this moment is left out."""
    if not best:
        return []
    statement = text(
        "SELECT json_group_object(row, id) FROM passages WHERE row IN (SELECT value FROM json_each(:rows))"
    )
    found = await connection.scalar(statement, {"rows": json.dumps([row for row, _ in best])})
    names = orjson.loads(found)
    return [(names[str(row)], score) for row, score in best if str(row) in names]


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
    count = min(limit, int(np.count_nonzero(sums)))
    if count == 0:
        return []
    least = np.partition(sums, len(sums) - count)[len(sums) - count]
    rows = np.flatnonzero(sums >= max(least, np.finfo(np.float32).tiny))
    order = rows[np.argsort(-sums[rows], kind="stable")][:limit]
    return [(int(row) + first, float(sums[row])) for row in order]
