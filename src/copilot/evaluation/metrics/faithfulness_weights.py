"""Coefficients that decide whether a reply is attributable, fitted so that no row is judged by itself.

There is one set of coefficients a fold. A reply is judged by the set of the fold that its source text falls
in, which was fitted without any reply on that text. So a figure over rows that took part in the fit is
out-of-fold by construction, and an unseen text is judged by a fit on nine tenths of the rows.
"""

import hashlib
import json
import math
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Self

import numpy as np

from copilot.domain.errors import InvalidInput
from copilot.domain.value import Value
from copilot.evaluation.metrics.support_features import FEATURES

FOLDS = 10
STRENGTHS = (0.03, 0.1, 0.3)
_INNER_FOLDS = 5
_LARGEST = 30.0
_DIGITS = 4


class FoldWeights(Value):
    """On features as they are: scaling is folded in."""

    intercept: float
    weights: tuple[float, ...]
    strength: float
    """The inverse regularisation that cross-validation within the fold's rows chose."""


class AttributionWeights(Value):
    features: tuple[str, ...]
    folds: tuple[FoldWeights, ...]
    fitted_on: str

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> Self:
        """Those that come with the product."""
        text = files("copilot.evaluation.metrics").joinpath("faithfulness_weights.json").read_text("utf-8")
        return cls.model_validate(json.loads(text))

    def probability(self, features: Sequence[float], contexts: Sequence[str]) -> float:
        """0 for a reply that is empty."""
        if not features:
            return 0.0
        fold = self.folds[fold_of(contexts)]
        total = fold.intercept + float(np.dot(fold.weights, features))
        return 1.0 / (1.0 + math.exp(-max(-_LARGEST, min(_LARGEST, total))))


def fold_of(contexts: Sequence[str]) -> int:
    """By the letters and digits of the source text, so that differently spaced copies stay together."""
    plain = re.sub(r"[\W_]+", "", "".join(contexts).lower())
    return int.from_bytes(hashlib.sha256(plain.encode()).digest()[:4], "big") % FOLDS


def fit(
    rows: Sequence[Sequence[float]],
    labels: Sequence[bool],
    contexts: Sequence[Sequence[str]],
    fitted_on: str,
) -> AttributionWeights:
    """CPU-bound, deterministic, seconds. `InvalidInput` where a fold would have one label only."""
    x, y = np.array(rows, dtype=np.float64), np.array(labels, dtype=bool)
    folds = np.array([fold_of(c) for c in contexts])
    for fold in range(FOLDS):
        kept = y[folds != fold]
        if min(int(kept.sum()), int((~kept).sum())) < _INNER_FOLDS:
            raise InvalidInput(
                f"{int(y.sum())} supported and {int((~y).sum())} other rows are too few to learn from.",
                hint="Expected at least 10 of each, on different source texts.",
            )
    return AttributionWeights(
        features=FEATURES,
        folds=tuple(_fit(x[folds != f], y[folds != f], folds[folds != f]) for f in range(FOLDS)),
        fitted_on=fitted_on,
    )


def _fit(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> FoldWeights:
    from sklearn.metrics import balanced_accuracy_score  # noqa: PLC0415 - costs start-up time
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[float, float] = {}
        for strength in STRENGTHS:
            held_out = np.zeros(len(y))
            for group in np.unique(groups):
                inside = groups != group
                if len(np.unique(y[inside])) > 1:
                    weights = _solve(x[inside], y[inside], strength)
                    held_out[~inside] = weights.intercept + x[~inside] @ np.array(weights.weights)
            found[strength] = balanced_accuracy_score(y, held_out > 0)
        return _solve(x, y, max(STRENGTHS, key=lambda s: (round(found[s], 3), -s)))


def _solve(x: np.ndarray, y: np.ndarray, strength: float) -> FoldWeights:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - costs start-up time

    middle, spread = x.mean(axis=0), x.std(axis=0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=3000)
    model.fit((x - middle) / spread, y)
    weights = model.coef_[0] / spread
    return FoldWeights(
        intercept=round(float(model.intercept_[0] - weights @ middle), _DIGITS),
        weights=tuple(round(float(w), _DIGITS) for w in weights),
        strength=strength,
    )
