"""Where a query's words stand and what each weighs there, kept in memory: BM25 without a scan.

BM25 is a sum over words, so what each word weighs is read once and added up with the others': exactly what
FTS5 would say of them together. A common word of a large collection costs too much to wait for: the first
query goes without it, and it is read in the background for those that follow.
"""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from copilot.adapters.sql import full_text, word_weights
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.kept_words import KeptWords
from copilot.adapters.sql.word_weights import Lengths, Postings, one_moment
from copilot.domain.errors import CopilotError

WAITED_PLACES = 16_000
"""So many places of words one query waits for (less than 1 µs each); its rarest word always."""
WAITED_PLACES_A_WORD = 800
"""Of a long text more: its rarest words alone would mislead."""
_BLOCK = 64
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class _Found:
    """What one visit brought: the best, and the words that were too common to wait for."""

    best: list[tuple[str, float]]
    common: list[str]


class KeywordSearch:
    """BM25 over each tenant's passages. `forget` after every write to a tenant's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept = KeptWords()
        self._coming: dict[tuple[str, str], asyncio.Task[None]] = {}

    def generation(self, tenant_id: str) -> int:
        """How many writes to the tenant's knowledge were noticed."""
        return self._kept.generation(tenant_id)

    def forget(self, tenant_id: str) -> None:
        self._kept.forget(tenant_id)

    async def match(
        self, tenant_id: str, query: str, limit: int, *, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """(passage id, BM25), best first; nothing when the tenant has no passage or the query no word.

        `among` names the only passages wanted; words weigh as they do among all.
        """
        if not (words := full_text.query_words(query)):
            return []
        found = await self._database.readers.read(
            lambda connection: self._visit(connection, tenant_id, words, limit, among)
        )
        for word in found.common:
            self._read_later(tenant_id, word)
        return found.best

    def _visit(
        self,
        connection: sqlite3.Connection,
        tenant_id: str,
        query_words: Sequence[str],
        limit: int,
        among: Sequence[str] | None,
    ) -> _Found:
        """All of it on a reader's thread, so that the event loop is free for others meanwhile."""
        words = self._kept.stems(query_words)
        with one_moment(connection):
            state = word_weights.state(connection, tenant_id)
            known = self._kept.recall(tenant_id, state, words)
            if not state:
                return _Found([], [])
            read, common = _rarest(
                connection, tenant_id, known.new, known.lengths, has_others=bool(known.postings)
            )
            postings = known.postings | read
            found = [postings[word] for word in words if word in postings]
            if among is not None:
                only = word_weights.rows_of(connection, tenant_id, among)
                found = [_within(one, only) for one in found]
            best = _named(connection, _best(found, limit), known.names)
        self._kept.keep(tenant_id, known.generation, state, read)
        return _Found(best, common)

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
                await self._database.readers.read(
                    lambda connection: self._read_common(connection, tenant_id, word)
                )
            except CopilotError:
                pass  # whoever asks for the word again hears of it
            finally:
                self._coming.pop(key, None)

        self._coming[key] = asyncio.create_task(read())

    def _read_common(self, connection: sqlite3.Connection, tenant_id: str, word: str) -> None:
        with one_moment(connection):
            state = word_weights.state(connection, tenant_id)
            known = self._kept.recall(tenant_id, state, [word])
            if not state or not known.new:
                return
            lengths = known.lengths or word_weights.read_lengths(connection, tenant_id)
            postings = word_weights.postings(connection, tenant_id, word, lengths)
        self._kept.keep(tenant_id, known.generation, state, {word: postings}, lengths)

    async def close(self) -> None:
        """Ends what is being read in the background."""
        tasks = list(self._coming.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _rarest(
    connection: sqlite3.Connection,
    tenant_id: str,
    words: Sequence[str],
    lengths: Lengths | None,
    *,
    has_others: bool,
) -> tuple[dict[str, Postings], list[str]]:
    """Postings of the rarest words as far as one query may wait for them, and the words left over."""
    read: dict[str, Postings] = {}
    common: list[str] = []
    waited, most = 0, max(WAITED_PLACES, WAITED_PLACES_A_WORD * len(words))
    counted = ((word_weights.frequency(connection, tenant_id, word, most), word) for word in words)
    for frequency, word in sorted(counted):
        if waited + frequency > most and (has_others or waited):
            common.append(word)
        else:
            waited += frequency
            read[word] = word_weights.postings(connection, tenant_id, word, lengths)
    return read, common


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


def _within(postings: Postings, rows: word_weights.Rows) -> Postings:
    kept = np.isin(postings.rows, rows, assume_unique=True)
    return Postings(postings.rows[kept], postings.scores[kept])


def _best(found: Sequence[Postings], limit: int) -> list[tuple[int, float]]:
    """(row, sum of scores), best first; of equals the one that was written first.

    Every word is added up: that takes less than to find out which words cannot matter (docs/decisions/0031).
    """
    found = sorted((postings for postings in found if len(postings.rows)), key=lambda one: len(one.rows))
    if not found:
        return []
    first = min(int(postings.rows[0]) for postings in found)
    last = max(int(postings.rows[-1]) for postings in found)
    sums = np.zeros(last - first + 1, dtype=np.float32)
    for postings in found:
        np.add.at(sums, postings.rows - first, postings.scores)
    rows = np.flatnonzero(sums >= max(_least(sums, limit), _TINY))
    scores = sums[rows]
    order = np.argsort(-scores, kind="stable")[:limit]
    return list(zip((rows[order] + first).tolist(), scores[order].tolist(), strict=True))


def _least(sums: NDArray[np.float32], limit: int) -> float:
    """A number that at least `limit` of the sums reach, or else 0: few of them are larger than it.

    Sums are mostly zero, and partitioning them all is slow: as many blocks as are wanted have one so large.
    A block is sums far from each other, because numpy compares whole rows of a matrix fastest.
    """
    blocks = len(sums) // _BLOCK
    if blocks <= limit:
        return 0.0
    highest = sums[: blocks * _BLOCK].reshape(_BLOCK, blocks).max(axis=0)
    return float(np.partition(highest, blocks - limit)[blocks - limit])
