"""How sure the composer is that a sentence answers: a logistic regression over features of both."""

import json
import math
from functools import lru_cache
from importlib.resources import files
from typing import Self

from pydantic import Field

from copilot.domain.value import Value


class QuoteFeatures(Value):
    """Of one sentence for one question.

    `cosine` of their embeddings, `overlap` the share of the question's words in the sentence, `heading` in
    its title and headings, `confidence` of the passage, `first` whether it is the best one, `lacks_quantity`
    a quantity is asked for and none is there, `clause` a numbered policy clause, `length` words of 40.
    """

    cosine: float
    overlap: float
    heading: float
    confidence: float
    first: float
    lacks_quantity: float
    clause: float
    length: float

    def row(self) -> list[float]:
        return [getattr(self, name) for name in type(self).model_fields]


class QuoteWeights(Value):
    """`threshold` is the least probability with which a sentence is said."""

    intercept: float
    weights: dict[str, float]
    threshold: float = Field(gt=0, lt=1)
    fitted_on: str

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> Self:
        """The coefficients that come with the product, from scripts/calibrate_quotes.py."""
        text = files("copilot.assist").joinpath("data/quote_weights.json").read_text(encoding="utf-8")
        return cls.model_validate(json.loads(text))

    def probability(self, features: QuoteFeatures) -> float:
        names = type(features).model_fields
        total = self.intercept + sum(
            self.weights[name] * value for name, value in zip(names, features.row(), strict=True)
        )
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
