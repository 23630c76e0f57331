"""From what search sees of a passage to the probability that it answers the question.

A logistic regression whose coefficients are fitted by `scripts/calibrate_retrieval` and kept in
`calibration.json` beside this file, with the data they come from.
"""

import json
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Self

from pydantic import Field

from copilot.domain.value import Value

FEATURES = ("score", "cosine", "coverage")


class Features(Value):
    """Of one passage for one question.

    `score` is what search ranks by, `cosine` how near it is to the question in its context, `coverage` the
    share of the question's words that it has, each weighed by how telling it is.
    """

    score: float
    cosine: float
    coverage: float

    @classmethod
    def nothing(cls) -> Self:
        """Of a question for which no passage is found."""
        return cls(**dict.fromkeys(FEATURES, 0.0))

    def row(self) -> list[float]:
        return [getattr(self, name) for name in FEATURES]


class Calibration(Value):
    """`answerable` means a probability of at least `threshold`, which is chosen on the same data."""

    intercept: float
    weights: dict[str, float]
    threshold: float = Field(gt=0, lt=1)
    fitted_on: str
    model_id: str

    @classmethod
    def load(cls) -> Self:
        """The coefficients that come with the product."""
        text = files("copilot.retrieval").joinpath("calibration.json").read_text(encoding="utf-8")
        return cls.model_validate(json.loads(text))

    def confidence(self, features: Features) -> float:
        """Between 0 and 1."""
        return self.probability(features.row())

    def probability(self, row: Sequence[float]) -> float:
        total = self.intercept + sum(
            self.weights[name] * value for name, value in zip(FEATURES, row, strict=True)
        )
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
