"""A passage that one search found good, before its words are shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from copilot.domain.knowledge import PassageFacts
from copilot.retrieval.calibration import Features


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
    kept: dict[str, Candidate] = {}
    for candidate in candidates:
        kept.setdefault(" ".join(candidate.facts.text.casefold().split()), candidate)
        if len(kept) >= enough:
            break
    return list(kept.values())
