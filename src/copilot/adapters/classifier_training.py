"""Trains the linear classifiers with scikit-learn; what comes out needs only numpy."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from copilot.domain.errors import InvalidInput
from copilot.ports import ClassifierWeights, Vectors

Matrix = NDArray[np.float64]
_FOLDS = 5
_SEED = 20260501
_STRENGTHS = (3.0, 10.0, 30.0)
_FEW_LABELS_FOR_SCOPE = 4
_MIN_EXAMPLES = 3
_BINS = 10
_KNOWN_TAKEN_IN = 0.93


@dataclass(frozen=True, slots=True)
class _OutOfFold:
    """What was predicted for each example by a model that had not seen it."""

    logits: Matrix
    cosines: NDArray[np.float64]

    def correct(self, truth: NDArray[np.int64]) -> float:
        return float((self.logits.argmax(axis=1) == truth).mean())


class LogisticTrainer:
    """Multinomial logistic regression; strength, temperature and scope are found by cross-validation.

    Out of scope is learned without out-of-scope examples: whole intents are held out in turn, and their
    examples are what a text that matches no intent looks like.
    """

    def train(self, vectors: Vectors, labels: Sequence[str]) -> ClassifierWeights:
        from threadpoolctl import (  # noqa: PLC0415 - with scikit-learn
            threadpool_limits,
        )

        # Small matrices: threads that wait for each other take twenty times as long on a busy machine.
        with threadpool_limits(1):
            return self._train(vectors, labels)

    def _train(self, vectors: Vectors, labels: Sequence[str]) -> ClassifierWeights:
        names = sorted(set(labels))
        truth = np.array([names.index(label) for label in labels], dtype=np.int64)
        _require_enough(names, truth)
        x = np.asarray(vectors, dtype=np.float64)
        runs = {strength: _out_of_fold(x, truth, strength) for strength in _STRENGTHS}
        strength = max(runs, key=lambda s: (runs[s].correct(truth), -s))
        held_out = runs[strength]
        temperature = _temperature(held_out.logits, truth)
        scope, auroc = self._scope(x, truth, strength, temperature, held_out)
        weights, bias = _fit(x, truth, strength)
        return ClassifierWeights(
            labels=tuple(names),
            weights=weights.astype(np.float32),
            bias=bias.astype(np.float32),
            centroids=_centroids(x, truth, len(names)).astype(np.float32),
            temperature=temperature,
            scope_weights=scope,
            accuracy=held_out.correct(truth),
            calibration_error=_calibration_error(held_out.logits / temperature, truth),
            scope_auroc=auroc,
        )

    @staticmethod
    def _scope(
        x: Matrix, truth: NDArray[np.int64], strength: float, temperature: float, inside: _OutOfFold
    ) -> tuple[tuple[float, float, float, float], float | None]:
        classes = int(truth.max()) + 1
        if classes < _FEW_LABELS_FOR_SCOPE:
            return (0.0, 0.0, 0.0, 1.0), None
        outside = _features_of_held_out_intents(x, truth, strength, temperature)
        known = _scope_features(inside.logits / temperature, inside.cosines)
        features = np.vstack([known, outside])
        is_known = np.concatenate([np.ones(len(known)), np.zeros(len(outside))]).astype(np.int64)
        return _scope_boundary(features, is_known)


def _require_enough(names: Sequence[str], truth: NDArray[np.int64]) -> None:
    if len(names) < 2:  # noqa: PLR2004
        raise InvalidInput("A classifier needs at least two labels.", hint="Add another playbook.")
    counts = np.bincount(truth)
    if counts.min() < _MIN_EXAMPLES:
        raise InvalidInput(
            f"{names[int(counts.argmin())]!r} has {counts.min()} examples.",
            hint=f"At least {_MIN_EXAMPLES} are needed.",
        )


def _fit(x: Matrix, truth: NDArray[np.int64], strength: float) -> tuple[Matrix, NDArray[np.float64]]:
    from sklearn.linear_model import (  # noqa: PLC0415
        LogisticRegression,
    )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence to the last digit does not matter here
        model: Any = LogisticRegression(C=strength, class_weight="balanced", max_iter=100, tol=1e-3).fit(
            x, truth
        )
    weights, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(weights) == 1:  # two labels: one row that tells the second from the first
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return weights, bias


def _centroids(x: Matrix, truth: NDArray[np.int64], classes: int) -> Matrix:
    centroids = np.vstack([x[truth == c].mean(axis=0) for c in range(classes)])
    return np.asarray(centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-9))


def _out_of_fold(x: Matrix, truth: NDArray[np.int64], strength: float) -> _OutOfFold:
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415

    classes = int(truth.max()) + 1
    logits, cosines = np.zeros((len(x), classes)), np.zeros(len(x))
    folds = min(_FOLDS, int(np.bincount(truth).min()))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    for train, test in splitter.split(x, truth):
        weights, bias = _fit(x[train], truth[train], strength)
        logits[test] = x[test] @ weights.T + bias
        cosines[test] = (x[test] @ _centroids(x[train], truth[train], classes).T).max(axis=1)
    return _OutOfFold(logits, cosines)


def _features_of_held_out_intents(
    x: Matrix, truth: NDArray[np.int64], strength: float, temperature: float
) -> Matrix:
    """How examples of an intent look to a classifier that has never heard of it."""
    classes = int(truth.max()) + 1
    groups = np.array_split(np.random.default_rng(_SEED).permutation(classes), min(_FOLDS, classes // 2))
    features = []
    for group in groups:
        hidden = np.isin(truth, group)
        kept, renumbered = np.unique(truth[~hidden], return_inverse=True)
        weights, bias = _fit(x[~hidden], renumbered, strength)
        centroids = _centroids(x[~hidden], renumbered, len(kept))
        logits = (x[hidden] @ weights.T + bias) / temperature
        features.append(_scope_features(logits, (x[hidden] @ centroids.T).max(axis=1)))
    return np.vstack(features)


def _scope_features(logits: Matrix, cosines: NDArray[np.float64]) -> Matrix:
    """Rows of (top probability, best centroid cosine, logit energy, 1), as inference computes them."""
    top = logits.max(axis=1)
    energy = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return np.column_stack([np.exp(top - energy), cosines, energy, np.ones(len(logits))])


def _scope_boundary(
    features: Matrix, is_known: NDArray[np.int64]
) -> tuple[tuple[float, float, float, float], float]:
    """A logistic boundary that takes in most known texts, its threshold and AUROC cross-validated.

    Held-out intents are harder than real out-of-scope texts, and search refuses what has no answer anyway:
    so the threshold is the strictest one that still takes in the wanted share of known texts.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.metrics import roc_auc_score, roc_curve  # noqa: PLC0415
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415

    model: Any = LogisticRegression(class_weight="balanced", max_iter=1000)
    splitter = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    scores = cross_val_predict(model, features[:, :3], is_known, cv=splitter, method="decision_function")
    _, true_rate, thresholds = roc_curve(is_known, scores)
    threshold = float(thresholds[int((true_rate >= _KNOWN_TAKEN_IN).argmax())])
    model.fit(features[:, :3], is_known)
    first, second, third = (float(w) for w in model.coef_[0])
    return (first, second, third, float(model.intercept_[0]) - threshold), float(
        roc_auc_score(is_known, scores)
    )


def _temperature(logits: Matrix, truth: NDArray[np.int64]) -> float:
    """The divisor of the logits that makes the true labels most likely (temperature scaling, Guo 2017)."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=1)
        energy = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((energy - scaled[np.arange(len(truth)), truth]).mean())

    best = minimize_scalar(negative_log_likelihood, bounds=(-3.0, 3.0), method="bounded")
    return float(np.exp(best.x))


def _calibration_error(logits: Matrix, truth: NDArray[np.int64]) -> float:
    """Expected calibration error over ten equal bins of the top probability."""
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((top * _BINS).astype(int), _BINS - 1)
    errors = [
        (bins == b).mean() * abs(top[bins == b].mean() - right[bins == b].mean())
        for b in range(_BINS)
        if (bins == b).any()
    ]
    return float(sum(errors))
