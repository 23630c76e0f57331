"""Where a query's words stand and what each weighs there, kept in memory: BM25 without a scan.

BM25 is a sum over words, so what each word weighs is read once and added up with the others': exactly what
FTS5 would say of them together. A common word of a large collection costs too much to wait for: the first
query goes without it, and it is read in the background for those that follow.
"""

import asyncio
import json
import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from copilot.adapters.sql import full_text, tokens, word_weights
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.word_weights import Lengths, Postings, one_moment
from copilot.domain.errors import CopilotError

WAITED_PLACES = 16_000
"""So many places of words one query waits for (less than 1 µs each); its rarest word always."""
WAITED_PLACES_A_WORD = 800
"""Of a long text more: its rarest words alone would mislead."""
KEPT_ROWS = 24_000_000
"""Of 8 bytes each, for all tenants."""
ROWS_A_WORD = 100
"""What a word weighs beside its rows: many that people write stand in no passage, and each is kept too."""
KEPT_NAMES = 200_000
"""Of passages that were found, for each tenant."""
KEPT_STEMS = 200_000
"""Of words that were asked for, by anybody."""
_BLOCK = 64
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class _Found:
    """What one visit brought: the state it found, words' postings, words too common to wait for, the best."""

    state: bytes
    read: dict[str, Postings]
    common: list[str]
    best: list[tuple[str, float]]


class KeywordSearch:
    """BM25 over each tenant's passages. `forget` after every write to a tenant's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[tuple[str, str], Postings] = OrderedDict()
        self._kept_rows = 0
        self._names: dict[str, dict[int, str]] = {}
        self._lengths: dict[str, Lengths] = {}
        self._stems: dict[str, tuple[str, ...]] = {}
        self._generations: dict[str, int] = {}
        self._states: dict[str, bytes] = {}
        self._coming: dict[tuple[str, str], asyncio.Task[None]] = {}

    def generation(self, tenant_id: str) -> int:
        """How many writes to the tenant's knowledge were noticed."""
        return self._generations.get(tenant_id, 0)

    def forget(self, tenant_id: str) -> None:
        self._generations[tenant_id] = self.generation(tenant_id) + 1
        self._states.pop(tenant_id, None)
        self._names.pop(tenant_id, None)
        self._lengths.pop(tenant_id, None)
        for key in [key for key in self._kept if key[0] == tenant_id]:
            self._kept_rows -= _weight(self._kept.pop(key))

    async def match(
        self, tenant_id: str, query: str, limit: int, *, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """(passage id, BM25), best first; nothing when the tenant has no passage or the query no word.

        `among` names the only passages wanted; words weigh as they do among all.
        """
        if not (words := self._stems_of(full_text.query_words(query))):
            return []
        best = await self._match(tenant_id, words, limit, among)
        if best is None:  # somebody else wrote: a process that loads knowledge beside this one
            self.forget(tenant_id)
            best = await self._match(tenant_id, words, limit, among)
        return best or []

    async def _match(
        self, tenant_id: str, words: Sequence[str], limit: int, among: Sequence[str] | None
    ) -> list[tuple[str, float]] | None:
        """None when what is kept is not what the database has."""
        kept, new = self._recall(tenant_id, words)
        generation, state = self.generation(tenant_id), self._states.get(tenant_id)
        lengths = self._lengths.get(tenant_id)
        names = self._names.setdefault(tenant_id, {})
        if len(names) > KEPT_NAMES:
            names = self._names[tenant_id] = {}

        def work(connection: sqlite3.Connection) -> _Found | None:
            with one_moment(connection):
                now = word_weights.state(connection, tenant_id)
                if state not in {None, now}:
                    return None
                read, common = (
                    _rarest(connection, tenant_id, new, lengths, has_others=bool(kept)) if now else ({}, [])
                )
                known = kept | read
                found = [known[word] for word in words if word in known]
                if among is not None:
                    only = word_weights.rows_of(connection, tenant_id, among)
                    found = [_within(postings, only) for postings in found]
                return _Found(now, read, common, _named(connection, _best(found, limit), names))

        found = await self._database.readers.read(work)
        if found is None:
            return None
        if self.generation(tenant_id) == generation:
            self._states[tenant_id] = found.state
            for word, postings in found.read.items():
                self._keep((tenant_id, word), postings)
        for word in found.common:
            self._read_later(tenant_id, word)
        return found.best

    def _stems_of(self, words: Sequence[str]) -> list[str]:
        """As FTS5 has them; one as often as the query has words of it, which is what FTS5 makes of them."""
        if new := [word for word in words if word not in self._stems]:
            if len(self._stems) > KEPT_STEMS:
                self._stems.clear()
            counted = tokens.word_counts([("", word) for word in new])
            self._stems |= zip(new, map(tuple, counted), strict=True)
        return [stem for word in words for stem in self._stems[word]]

    def _recall(self, tenant_id: str, words: Sequence[str]) -> tuple[dict[str, Postings], list[str]]:
        """What is kept, and the words of which nothing is."""
        kept: dict[str, Postings] = {}
        new: list[str] = []
        for word in dict.fromkeys(words):
            if (postings := self._kept.get((tenant_id, word))) is None:
                new.append(word)
            else:
                self._kept.move_to_end((tenant_id, word))
                kept[word] = postings
        return kept, new

    def _keep(self, key: tuple[str, str], postings: Postings) -> None:
        if (before := self._kept.pop(key, None)) is not None:
            self._kept_rows -= _weight(before)
        self._kept[key] = postings
        self._kept_rows += _weight(postings)
        while self._kept_rows > KEPT_ROWS:
            _, forgotten = self._kept.popitem(last=False)
            self._kept_rows -= _weight(forgotten)

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
                generation = self.generation(tenant_id)
                known = self._lengths.get(tenant_id)
                lengths, postings = await self._database.readers.read(
                    lambda connection: _common(connection, tenant_id, word, known)
                )
                if self.generation(tenant_id) == generation:
                    self._lengths[tenant_id] = lengths
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


def _common(
    connection: sqlite3.Connection, tenant_id: str, word: str, lengths: Lengths | None
) -> tuple[Lengths, Postings]:
    with one_moment(connection):
        if lengths is None:
            lengths = word_weights.read_lengths(connection, tenant_id)
        return lengths, word_weights.postings(connection, tenant_id, word, lengths)


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


def _weight(postings: Postings) -> int:
    return ROWS_A_WORD + len(postings.rows)


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
    A block is every so-manieth sum, because numpy compares whole rows of a matrix fastest.
    """
    blocks = len(sums) // _BLOCK
    if blocks <= limit:
        return 0.0
    highest = sums[: blocks * _BLOCK].reshape(_BLOCK, blocks).max(axis=0)
    return float(np.partition(highest, blocks - limit)[blocks - limit])
