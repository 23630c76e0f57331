"""A passage that one search found good, before its words are shown."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from copilot.domain.knowledge import PassageFacts
from copilot.retrieval.calibration import Features

_BEGINNING = 8
"""Words. Few texts begin alike, and only those are compared whole."""


@dataclass
class Candidate:
    """`keyword_share` is what fusion makes of BM25 of the question in its context.

    `coverage` is the share of the words asked that it has, `likeness` its cosine to the best candidates.
    """

    facts: PassageFacts
    rank_keyword: int | None
    rank_dense: int | None
    cosine: float
    keyword_share: float
    coverage: float
    likeness: float
    score: float

    def features(self) -> Features:
        return Features(score=self.score, cosine=self.cosine, coverage=self.coverage)


def without_copies(candidates: Iterable[Candidate], enough: int) -> list[Candidate]:
    """The first of those with the same words, until there are enough."""
    kept: list[Candidate] = []
    like: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for candidate in candidates:
        folded = candidate.facts.text.casefold()
        others = like[tuple(folded.split(maxsplit=_BEGINNING)[:_BEGINNING])]
        if others and folded.split() in map(str.split, others):
            continue
        others.append(folded)
        kept.append(candidate)
        if len(kept) >= enough:
            break
    return kept
