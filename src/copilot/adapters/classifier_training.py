"""Trains classifiers with scikit-learn; what comes out needs only numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from copilot.adapters.classifier_experts import Experts, Matrix, Numbers, Readings, Texts, fit_embedding
from copilot.domain.errors import InvalidInput
from copilot.ports import ClassifierWeights, Neighbours, TermWeights, TextFeatures

_FOLDS, _FOLDS_OF_MANY, _MANY = 5, 3, 2000
"""Many examples make a fold's estimate steady, and a fit slow."""
_SEED = 20260501
_STRENGTHS = (3.0, 10.0, 30.0)
_FEW_LABELS_FOR_SCOPE = 4
_MIN_EXAMPLES = 3
_BINS = 10
_KNOWN_TAKEN_IN = 0.93
_KEPT_PER_LABEL = 100
_LARGEST_SHARE = 3.0


@dataclass(frozen=True, slots=True)
class _Pool:
    """How the experts' opinions become one."""

    temperature: float
    term_temperature: float
    shares: tuple[float, float, float]

    def log_probabilities(self, readings: Readings) -> Matrix:
        parts = self.parts(readings)
        return _log_softmax(sum((s * p for s, p in zip(self.shares, parts, strict=True)), np.zeros(1)))

    def parts(self, readings: Readings) -> tuple[Matrix, Matrix, Matrix]:
        return (
            _log_softmax(readings.embedding / self.temperature),
            _log_softmax(readings.terms / self.term_temperature),
            readings.votes,
        )

    def scope_features(self, readings: Readings) -> Matrix:
        """Rows as `ClassifierWeights.scope_weights` names them, without the 1."""
        return np.column_stack(
            [
                np.exp(self.log_probabilities(readings).max(axis=1)),
                readings.centroid,
                _log_sum_exp(readings.embedding / self.temperature)[:, 0],
                readings.nearest,
                readings.terms.max(axis=1) / self.term_temperature,
            ]
        )


class ExpertTrainer:
    """Logistic regression on embeddings, a support vector machine on terms, and the nearest examples.

    Strength, temperatures, shares and scope are found by cross-validation. Out of scope is learned without
    out-of-scope examples: whole labels are held out in turn, and their examples are what a text that matches
    no label looks like. Examples that really belong to no label are taken into account where there are any.
    """

    def train(self, texts: Sequence[TextFeatures], labels: Sequence[str | None]) -> ClassifierWeights:
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 - with scikit-learn

        # Small matrices: threads that wait for each other take twenty times as long on a busy machine.
        with threadpool_limits(1):
            return self._train(Texts.of(texts), labels)

    def _train(self, texts: Texts, labels: Sequence[str | None]) -> ClassifierWeights:
        names = sorted({label for label in labels if label is not None})
        number = {name: i for i, name in enumerate(names)}
        is_known = np.array([label is not None for label in labels])
        truth = np.array([number[label] for label in labels if label is not None], dtype=np.int64)
        _require_enough(names, truth)
        known, outside = texts[is_known], texts[~is_known]
        strength = _strength(known.vectors, truth)
        inside, beyond = _out_of_fold(known, truth, strength, outside)
        pool = _pool(inside, truth)
        scope, auroc = _scope(known, truth, strength, pool, inside, beyond)
        experts = Experts.fit(known, truth, strength)
        log_probabilities = pool.log_probabilities(inside)
        return ClassifierWeights(
            labels=tuple(names),
            weights=experts.weights.astype(np.float32),
            bias=experts.bias.astype(np.float32),
            centroids=experts.centroids.astype(np.float32),
            temperature=pool.temperature,
            scope_weights=scope,
            accuracy=float((log_probabilities.argmax(axis=1) == truth).mean()),
            calibration_error=_calibration_error(log_probabilities, truth),
            scope_auroc=auroc,
            terms=TermWeights(
                weights=np.ascontiguousarray(experts.term_weights.T.astype(np.float16)),
                bias=experts.term_bias.astype(np.float32),
                rarity=experts.rarity.astype(np.float32),
                temperature=pool.term_temperature,
            ),
            neighbours=_neighbours(known.vectors, truth),
            shares=pool.shares,
        )


def _require_enough(names: Sequence[str], truth: Numbers) -> None:
    if len(names) < 2:  # noqa: PLR2004
        raise InvalidInput("A classifier needs at least two labels.", hint="Add another playbook.")
    counts = np.bincount(truth)
    if counts.min() < _MIN_EXAMPLES:
        raise InvalidInput(
            f"{names[int(counts.argmin())]!r} has {counts.min()} examples.",
            hint=f"At least {_MIN_EXAMPLES} are needed.",
        )


def _folds(truth: Numbers) -> list[tuple[Numbers, Numbers]]:
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415

    wanted = _FOLDS if len(truth) <= _MANY else _FOLDS_OF_MANY
    folds = min(wanted, int(np.bincount(truth).min()))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    return list(splitter.split(np.zeros(len(truth)), truth))


def _strength(vectors: NDArray[np.float32], truth: Numbers) -> float:
    """The weakest regularisation for many examples; for few, the one that does best on examples left out."""
    if len(truth) > _MANY:
        return _STRENGTHS[-1]

    def correct(strength: float) -> float:
        hits = 0
        for train, test in _folds(truth):
            weights, bias = fit_embedding(vectors[train], truth[train], strength)
            hits += int(((vectors[test] @ weights.T + bias).argmax(axis=1) == truth[test]).sum())
        return hits / len(truth)

    return max(_STRENGTHS, key=lambda strength: (correct(strength), -strength))


def _out_of_fold(texts: Texts, truth: Numbers, strength: float, outside: Texts) -> tuple[Readings, Readings]:
    """What experts that had not seen it say of each text, and of texts that belong to no label."""
    inside = Readings.empty(len(texts), int(truth.max()) + 1)
    beyond = Readings.empty(len(outside), int(truth.max()) + 1)
    folds = _folds(truth)
    for turn, (train, test) in enumerate(folds):
        experts = Experts.fit(texts[train], truth[train], strength)
        inside.put(test, experts.read(texts[test]))
        rows = np.arange(turn, len(outside), len(folds))
        if len(rows):
            beyond.put(rows, experts.read(outside[rows]))
    return inside, beyond


def _pool(readings: Readings, truth: Numbers) -> _Pool:
    """Temperatures (Guo 2017) first, then the shares, all by the likelihood of texts left out."""
    from scipy.optimize import minimize  # noqa: PLC0415

    even = _Pool(
        _temperature(readings.embedding, truth), _temperature(readings.terms, truth), (1.0, 1.0, 1.0)
    )
    parts, rows = np.stack(even.parts(readings)), np.arange(len(truth))

    def loss(shares: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_probabilities = _log_softmax(np.tensordot(shares, parts, axes=1))
        expected = (parts * np.exp(log_probabilities)).sum(axis=2).mean(axis=1)
        seen = parts[:, rows, truth].mean(axis=1)
        return float(-log_probabilities[rows, truth].mean()), expected - seen

    bounds = [(0.05, _LARGEST_SHARE), (0.0, _LARGEST_SHARE), (0.0, _LARGEST_SHARE)]
    best = minimize(loss, np.full(3, 0.4), jac=True, bounds=bounds, method="L-BFGS-B")
    embedding, terms, neighbours = (float(s) for s in best.x)
    return _Pool(even.temperature, even.term_temperature, (embedding, terms, neighbours))


def _scope(
    texts: Texts, truth: Numbers, strength: float, pool: _Pool, inside: Readings, beyond: Readings
) -> tuple[tuple[float, float, float, float, float, float], float | None]:
    if int(truth.max()) + 1 < _FEW_LABELS_FOR_SCOPE:
        return (0.0, 0.0, 0.0, 0.0, 0.0, 1.0), None
    known = pool.scope_features(inside)
    unknown = [pool.scope_features(beyond), *_held_out_labels(texts, truth, strength, pool)]
    features = np.vstack([known, *unknown])
    is_known = np.concatenate([np.ones(len(known)), np.zeros(len(features) - len(known))]).astype(np.int64)
    return _scope_boundary(features, is_known)


def _held_out_labels(texts: Texts, truth: Numbers, strength: float, pool: _Pool) -> list[Matrix]:
    """How examples of a label look to experts that have never heard of it."""
    classes = int(truth.max()) + 1
    wanted = _FOLDS if len(truth) <= _MANY else _FOLDS_OF_MANY
    groups = np.array_split(np.random.default_rng(_SEED).permutation(classes), min(wanted, classes // 2))
    features = []
    for group in groups:
        hidden = np.isin(truth, group)
        _, renumbered = np.unique(truth[~hidden], return_inverse=True)
        experts = Experts.fit(texts[~hidden], renumbered.astype(np.int64), strength)
        features.append(pool.scope_features(experts.read(texts[hidden])))
    return features


def _scope_boundary(
    features: Matrix, is_known: Numbers
) -> tuple[tuple[float, float, float, float, float, float], float]:
    """A logistic boundary that takes in most known texts, its threshold and AUROC cross-validated.

    Held-out labels are harder than real out-of-scope texts, and search refuses what has no answer anyway:
    so the threshold is the strictest one that still takes in the wanted share of known texts.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.metrics import roc_auc_score, roc_curve  # noqa: PLC0415
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415

    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    scaled = (features - centre) / spread
    model: Any = LogisticRegression(class_weight="balanced", max_iter=1000)
    splitter = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    scores = cross_val_predict(model, scaled, is_known, cv=splitter, method="decision_function")
    _, true_rate, thresholds = roc_curve(is_known, scores)
    threshold = float(thresholds[int((true_rate >= _KNOWN_TAKEN_IN).argmax())])
    model.fit(scaled, is_known)
    slopes = np.asarray(model.coef_[0]) / spread
    constant = float(model.intercept_[0]) - float(slopes @ centre) - threshold
    top, centroid, energy, nearest, term = (float(slope) for slope in slopes)
    return (top, centroid, energy, nearest, term, constant), float(roc_auc_score(is_known, scores))


def _neighbours(vectors: NDArray[np.float32], truth: Numbers) -> Neighbours:
    """At most so many examples of a label, chosen evenly."""
    kept = []
    for label in range(int(truth.max()) + 1):
        rows = np.flatnonzero(truth == label)
        kept.append(rows[np.linspace(0, len(rows) - 1, min(len(rows), _KEPT_PER_LABEL)).astype(np.int64)])
    chosen = np.sort(np.concatenate(kept))
    return Neighbours(vectors=vectors[chosen].astype(np.float16), labels=truth[chosen])


def _temperature(logits: Matrix, truth: Numbers) -> float:
    """The divisor of the logits that makes the true labels most likely (temperature scaling, Guo 2017)."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = _log_softmax(logits / np.exp(log_temperature))
        return float(-scaled[np.arange(len(truth)), truth].mean())

    best = minimize_scalar(negative_log_likelihood, bounds=(-5.0, 3.0), method="bounded")
    return float(np.exp(best.x))


def _log_sum_exp(logits: Matrix) -> Matrix:
    top = logits.max(axis=-1, keepdims=True)
    return np.asarray(top + np.log(np.exp(logits - top).sum(axis=-1, keepdims=True)))


def _log_softmax(logits: Matrix) -> Matrix:
    return np.asarray(logits - _log_sum_exp(logits))


def _calibration_error(log_probabilities: Matrix, truth: Numbers) -> float:
    """Expected calibration error over ten equal bins of the top probability."""
    top, right = np.exp(log_probabilities.max(axis=1)), log_probabilities.argmax(axis=1) == truth
    bins = np.minimum((top * _BINS).astype(int), _BINS - 1)
    errors = [
        (bins == b).mean() * abs(top[bins == b].mean() - right[bins == b].mean())
        for b in range(_BINS)
        if (bins == b).any()
    ]
    return float(sum(errors))
