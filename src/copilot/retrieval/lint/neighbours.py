"""Passages of different documents that are about the same thing: each one's neighbours in the index."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import chain, combinations

from copilot.domain.knowledge import Passage
from copilot.ports import KnowledgeStore, PassageIndex, Vector
from copilot.retrieval.lint.corpus import Corpus

NEIGHBOURS = 24
"""Asked for each passage; some are of its own document or of versions not in force."""
SAME_TOPIC = 0.5
"""Cosine of two passages below which they are not compared."""
_AT_ONCE = 32
_COPIES = 5
"""Of one text, so many are compared with others: a footer in a thousand pages is one matter."""


@dataclass(frozen=True)
class Pair:
    first: Passage
    second: Passage
    cosine: float


@dataclass(frozen=True)
class _Chosen:
    """Ids of passages that hold today, of those whose neighbours are asked for, and pairs of one text."""

    usable: frozenset[str]
    asked: frozenset[str]
    same: frozenset[tuple[str, str]]


async def related_pairs(
    corpus: Corpus,
    store: KnowledgeStore,
    index: PassageIndex,
    model_id: str,
    on_progress: Callable[[int, int], None],
) -> AsyncIterator[list[Pair]]:
    """Each pair once, of documents that hold today; some at a time, for each may have a dozen.

    The work grows with the passages, not their square. `on_progress` hears how many of how many are compared.
    """
    # A thread, because it looks at every word, and conversations go on meanwhile.
    chosen = await asyncio.to_thread(_choose, corpus)
    yield [_pair(corpus, key, 1.0) for key in sorted(chosen.same)]

    paired: dict[str, frozenset[str]] = {}
    """Whom each passage was paired with when it was asked about."""

    async def ask(identity: str, vector: Vector) -> list[Pair]:
        found = {
            other: cosine
            for other, cosine in await index.nearest(corpus.tenant_id, vector, NEIGHBOURS)
            if cosine >= SAME_TOPIC
            and other in chosen.usable
            and _comparable(corpus, corpus.passages[identity], corpus.passages[other])
            and _key(identity, other) not in chosen.same
        }
        new = [other for other in found if identity not in paired.get(other, ())]
        paired[identity] = frozenset(new)
        return [_pair(corpus, _key(identity, other), found[other]) for other in new]

    compared = 0
    async for names, vectors in store.all_vectors(corpus.tenant_id, model_id):
        rows = [row for row, identity in enumerate(names) if identity in chosen.asked]
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            lists = await asyncio.gather(*(ask(names[row], vectors[row]) for row in part))
            compared += len(part)
            on_progress(compared, len(chosen.asked))
            yield list(chain.from_iterable(lists))


def _choose(corpus: Corpus) -> _Chosen:
    usable = frozenset(identity for identity, p in corpus.passages.items() if p.document_id in corpus.current)
    copies: dict[str, list[Passage]] = {}
    for identity in sorted(usable):
        passage = corpus.passages[identity]
        copies.setdefault(_folded(passage.text), []).append(passage)
    spare = {passage.id for group in copies.values() for passage in group[_COPIES:]}
    same = frozenset(
        _key(one.id, other.id)
        for group in copies.values()
        for one, other in combinations(group[:_COPIES], 2)
        if _comparable(corpus, one, other)
    )
    return _Chosen(usable, usable - spare, same)


def _pair(corpus: Corpus, key: tuple[str, str], cosine: float) -> Pair:
    return Pair(corpus.passages[key[0]], corpus.passages[key[1]], cosine)


def _comparable(corpus: Corpus, one: Passage, other: Passage) -> bool:
    """Not two versions of one document, two languages, or a public page and an internal one."""
    first, second = corpus.document_of(one), corpus.document_of(other)
    return (
        first.external_id != second.external_id
        and first.locale == second.locale
        and first.audience == second.audience
    )


def _key(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
