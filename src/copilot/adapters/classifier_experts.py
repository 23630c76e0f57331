"""Fits the three experts of a classifier with scikit-learn, and reads texts through them many at a time."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from copilot.ports import TERM_BUCKETS, TextFeatures

Matrix = NDArray[np.float64]
Numbers = NDArray[np.int64]

# The three below as inference has them: `copilot.assist.classifier`.
_NEAREST = 10
_REACH = 0.05
_NO_EXAMPLE = 1e-6
_TERM_STRENGTH = 0.5
_STILL = 1e-2
"""The more labels, the smaller the slope is from the start: a fixed tolerance would stop there at once."""
_ROWS_AT_A_TIME = 1024


@dataclass(frozen=True, slots=True)
class Texts:
    """Embeddings (n, dimensions) and term counts, a sparse (n, buckets) matrix of `1 + ln count`."""

    vectors: NDArray[np.float32]
    terms: Any

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: Numbers | NDArray[np.bool_]) -> "Texts":
        return Texts(self.vectors[rows], self.terms[rows])

    @classmethod
    def of(cls, features: Sequence[TextFeatures]) -> "Texts":
        from scipy.sparse import csr_matrix  # noqa: PLC0415

        counts = [1 + np.log(f.counts) for f in features]
        starts = np.concatenate([[0], np.cumsum([len(c) for c in counts])])
        data = np.concatenate(counts) if counts else np.zeros(0)
        columns = np.concatenate([f.terms for f in features]) if features else np.zeros(0, np.int64)
        terms = csr_matrix((data, columns, starts), shape=(len(features), TERM_BUCKETS))
        return cls(np.asarray([f.vector for f in features], dtype=np.float32), terms)


@dataclass(frozen=True, slots=True)
class Readings:
    """What the experts say of n texts: logits and votes (n, labels), cosines (n,)."""

    embedding: Matrix
    terms: Matrix
    votes: Matrix
    """Log probabilities."""
    centroid: NDArray[np.float64]
    nearest: NDArray[np.float64]

    @staticmethod
    def empty(rows: int, labels: int) -> "Readings":
        def blank() -> Matrix:
            return np.zeros((rows, labels))

        return Readings(blank(), blank(), blank(), np.zeros(rows), np.zeros(rows))

    def put(self, rows: Numbers, part: "Readings") -> None:
        """Writes the readings of some rows into their places."""
        self.embedding[rows], self.terms[rows], self.votes[rows] = part.embedding, part.terms, part.votes
        self.centroid[rows], self.nearest[rows] = part.centroid, part.nearest


@dataclass(frozen=True, slots=True)
class Experts:
    """Fitted on one set of texts."""

    weights: Matrix
    bias: NDArray[np.float64]
    term_weights: Matrix
    term_bias: NDArray[np.float64]
    rarity: NDArray[np.float64]
    centroids: Matrix
    examples: NDArray[np.float32]
    truth: Numbers

    @classmethod
    def fit(cls, texts: Texts, truth: Numbers, strength: float) -> "Experts":
        """`truth` holds each text's label by number, from 0 without gaps."""
        rarity = _rarity(texts.terms)
        weights, bias = fit_embedding(texts.vectors, truth, strength)
        term_weights, term_bias = _fit_terms(_scaled(texts.terms, rarity), truth)
        return cls(
            weights,
            bias,
            term_weights,
            term_bias,
            rarity,
            centroids(texts.vectors, truth),
            texts.vectors,
            truth,
        )

    def read(self, texts: Texts) -> Readings:
        terms = _scaled(texts.terms, self.rarity) @ self.term_weights.T + self.term_bias
        votes, nearest = self._votes(texts.vectors)
        return Readings(
            embedding=texts.vectors @ self.weights.T + self.bias,
            terms=np.asarray(terms),
            votes=votes,
            centroid=(texts.vectors @ self.centroids.T).max(axis=1),
            nearest=nearest,
        )

    def _votes(self, vectors: NDArray[np.float32]) -> tuple[Matrix, NDArray[np.float64]]:
        classes, count = len(self.centroids), min(_NEAREST, len(self.examples))
        votes, best = np.full((len(vectors), classes), _NO_EXAMPLE), np.zeros(len(vectors))
        for start in range(0, len(vectors), _ROWS_AT_A_TIME):
            block = slice(start, start + _ROWS_AT_A_TIME)
            cosines = vectors[block] @ self.examples.T
            nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
            rows = np.repeat(np.arange(start, start + len(cosines)), count)
            weight = np.exp((np.take_along_axis(cosines, nearest, axis=1) - 1) / _REACH)
            np.add.at(votes, (rows, self.truth[nearest].ravel()), weight.ravel())
            best[block] = cosines.max(axis=1)
        return np.log(votes / votes.sum(axis=1, keepdims=True)), best


def fit_embedding(
    vectors: NDArray[np.float32], truth: Numbers, strength: float
) -> tuple[Matrix, NDArray[np.float64]]:
    """Multinomial logistic regression: a row of weights and a bias for each label."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence to the last digit does not matter here
        model: Any = LogisticRegression(
            C=strength, class_weight="balanced", max_iter=100, tol=min(1e-3, _STILL / (1 + truth.max()))
        )
        model.fit(vectors, truth)
    return _row_per_label(np.asarray(model.coef_, np.float64), np.asarray(model.intercept_, np.float64))


def centroids(vectors: NDArray[np.float32], truth: Numbers) -> Matrix:
    """The mean of each label's vectors, of unit length."""
    means = np.vstack([vectors[truth == c].mean(axis=0) for c in range(int(truth.max()) + 1)])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9), np.float64)


def _fit_terms(terms: Any, truth: Numbers) -> tuple[Matrix, NDArray[np.float64]]:  # noqa: ANN401 - sparse
    """A linear support vector machine for each label against the rest."""
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: Any = LinearSVC(C=_TERM_STRENGTH, class_weight="balanced", tol=1e-2, random_state=0)
        model.fit(terms, truth)
    return _row_per_label(np.asarray(model.coef_), np.asarray(model.intercept_))


def _row_per_label(weights: Matrix, bias: NDArray[np.float64]) -> tuple[Matrix, NDArray[np.float64]]:
    if len(weights) == 1:  # two labels: one row that tells the second from the first
        return np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return weights, bias


def _rarity(terms: Any) -> NDArray[np.float64]:  # noqa: ANN401 - sparse
    """Inverse document frequency, smoothed."""
    found = np.bincount(terms.indices, minlength=TERM_BUCKETS)
    return np.asarray(np.log((1 + terms.shape[0]) / (1 + found)) + 1)


def _scaled(terms: Any, rarity: NDArray[np.float64]) -> Any:  # noqa: ANN401 - sparse
    """Rows of unit length."""
    from scipy.sparse import diags  # noqa: PLC0415

    weighted = terms.multiply(rarity).tocsr()
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return (diags(1 / np.maximum(lengths, 1e-9)) @ weighted).tocsr()
