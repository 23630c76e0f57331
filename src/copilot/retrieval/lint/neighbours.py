"""Passages of different documents that are about the same thing: each one's neighbours in the index."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

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


async def related_pairs(
    corpus: Corpus, store: KnowledgeStore, index: PassageIndex, model_id: str
) -> list[Pair]:
    """Each pair once, of documents that hold today; the work grows with the passages, not their square."""
    asked = {identity for identity, p in corpus.passages.items() if p.document_id in corpus.current}
    copies: dict[str, list[Passage]] = {}
    for identity in sorted(asked):
        passage = corpus.passages[identity]
        copies.setdefault(_folded(passage.text), []).append(passage)
    spare = {passage.id for group in copies.values() for passage in group[_COPIES:]}
    found: dict[tuple[str, str], float] = {}
    for group in copies.values():
        for one, other in combinations(group[:_COPIES], 2):
            if _comparable(corpus, one, other):
                found[_key(one.id, other.id)] = 1.0

    async def ask(identity: str, vector: Vector) -> None:
        for other, cosine in await index.nearest(corpus.tenant_id, vector, NEIGHBOURS):
            if (
                other in asked
                and cosine >= SAME_TOPIC
                and _comparable(corpus, corpus.passages[identity], corpus.passages[other])
            ):
                found.setdefault(_key(identity, other), cosine)

    async for names, vectors in store.all_vectors(corpus.tenant_id, model_id):
        rows = [row for row, identity in enumerate(names) if identity in asked - spare]
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            await asyncio.gather(*(ask(names[row], vectors[row]) for row in part))
    return [
        Pair(corpus.passages[one], corpus.passages[other], cosine)
        for (one, other), cosine in sorted(found.items())
    ]


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


def by_documents(pairs: Sequence[Pair]) -> Mapping[tuple[str, str], list[Pair]]:
    """Pairs by the ids of their two documents, the older pair of sides first in each."""
    found: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        one, other = pair.first, pair.second
        if one.document_id > other.document_id:
            one, other = other, one
        found.setdefault((one.document_id, other.document_id), []).append(Pair(one, other, pair.cosine))
    return found
