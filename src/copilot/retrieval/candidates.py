"""A passage on its way through one search."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from copilot.domain.knowledge import KnowledgeDocument, Passage
from copilot.ports import Vector
from copilot.retrieval.calibration import Features


@dataclass
class Candidate:
    """`keyword` is BM25 of the question in its context, `keyword_share` what fusion makes of it.

    `coverage` is the share of the words asked that it has, `likeness` its cosine to the best candidates.
    """

    passage: Passage
    document: KnowledgeDocument
    vector: Vector
    keyword: float
    rank_keyword: int | None
    rank_dense: int | None
    cosine: float = 0.0
    keyword_share: float = 0.0
    coverage: float = 0.0
    likeness: float = 0.0
    score: float = 0.0

    def features(self) -> Features:
        return Features(score=self.score, cosine=self.cosine, coverage=self.coverage)


def without_copies(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The first of those with the same words."""
    seen: set[str] = set()
    kept = []
    for candidate in candidates:
        key = _wording(candidate.passage.text)
        if key not in seen:
            seen.add(key)
            kept.append(candidate)
    return kept


@lru_cache(maxsize=8192)
def _wording(text: str) -> str:
    """Of texts that differ in case or spaces alone the same; remembered, as passages come again and again."""
    return " ".join(text.casefold().split())
