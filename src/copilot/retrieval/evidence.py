"""What search sees of a passage that says whether it answers: the features of its confidence."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from copilot.domain.knowledge import Passage
from copilot.domain.words import stem, words
from copilot.retrieval.calibration import Features
from copilot.retrieval.candidates import Candidate
from copilot.retrieval.chunking import embedded_text
from copilot.retrieval.question import Question


@dataclass(frozen=True)
class Field:
    """What one passage is compared with: the candidates' mean cosine, and how telling each asked word is.

    A word that few candidates have tells much; one that none has (what is asked may not be here) tells most.
    """

    mean_cosine: float
    worth: dict[str, float]

    @classmethod
    def of(cls, question: Question, candidates: Sequence[Candidate]) -> Self:
        having = [question.stems & stems_of(candidate.passage) for candidate in candidates]
        frequency = Counter(term for terms in having for term in terms)
        return cls(
            mean_cosine=float(np.mean([candidate.cosine for candidate in candidates])),
            worth={term: math.log(1 + len(candidates) / (1 + frequency[term])) for term in question.stems},
        )


def features(candidate: Candidate, question: Question, others: Field) -> Features:
    present = question.stems & stems_of(candidate.passage)
    return Features(
        cosine=candidate.last_cosine,
        context_cosine=candidate.cosine,
        coverage=sum(others.worth[term] for term in present) / (sum(others.worth.values()) or 1.0),
        keyword=candidate.last_keyword / max(1, len(question.stems)),
        lead=candidate.cosine - others.mean_cosine,
    )


def stems_of(passage: Passage) -> frozenset[str]:
    return _stems(embedded_text(passage))


@lru_cache(maxsize=8192)
def _stems(passage_text: str) -> frozenset[str]:
    """Remembered, because the same passages are candidates again and again."""
    return frozenset(stem(word) for word in set(words(passage_text)))
