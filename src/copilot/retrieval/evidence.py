"""What search sees of a passage that says whether it answers: the features of its confidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from copilot.retrieval.calibration import Features
from copilot.retrieval.candidates import Candidate
from copilot.retrieval.question import Question


@dataclass(frozen=True)
class Field:
    """What one passage is compared with."""

    mean_cosine: float

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> Self:
        return cls(mean_cosine=float(np.mean([candidate.cosine for candidate in candidates])))


def features(candidate: Candidate, question: Question, others: Field) -> Features:
    return Features(
        cosine=candidate.last_cosine,
        context_cosine=candidate.cosine,
        coverage=candidate.coverage,
        keyword=candidate.last_keyword / max(1, len(question.stems)),
        lead=candidate.cosine - others.mean_cosine,
    )
