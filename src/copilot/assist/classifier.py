"""Which label a text has, how sure, and whether any at all: an embedding, words and examples together."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from copilot.domain.errors import ConfigurationError
from copilot.ports import ClassifierWeights, Neighbours, TermWeights, TextFeatures, Vector

ARTIFACT_VERSION = 2
_NEAREST = 10
_REACH = 0.05
"""How quickly an example counts for less with its distance (1 - cosine)."""
_NO_EXAMPLE = 1e-6

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Labels with calibrated probabilities, most probable first; `in_scope` False: none of them."""

    ranked: tuple[tuple[str, float], ...]
    in_scope: bool
    scope_score: float
    """Above 0 is in scope; its size says how clearly."""

    @property
    def label(self) -> str:
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        return self.ranked[0][1]

    def probability_of(self, label: str) -> float:
        return dict(self.ranked).get(label, 0.0)


class Classifier:
    """Inference in plain numpy: a few tenths of a millisecond a text with a hundred labels."""

    def __init__(self, weights: ClassifierWeights) -> None:
        self.weights = weights
        near = weights.neighbours
        self._examples = None if near is None else near.vectors.astype(np.float32)

    def predict(self, features: TextFeatures) -> Prediction:
        w = self.weights
        logits = (w.weights @ features.vector + w.bias) / w.temperature
        belief = w.shares[0] * _log_softmax(logits)
        best_term, nearest = 0.0, 0.0
        if w.terms is not None:
            term_logits = _term_logits(w.terms, features)
            best_term = float(term_logits.max())
            belief += w.shares[1] * _log_softmax(term_logits)
        if w.neighbours is not None and self._examples is not None:
            near, nearest = _neighbour_belief(
                self._examples, w.neighbours.labels, features.vector, len(w.labels)
            )
            belief += w.shares[2] * near
        probabilities = np.exp(_log_softmax(belief))
        scope_features = (
            float(probabilities.max()),
            float((w.centroids @ features.vector).max()),
            _log_sum_exp(logits),
            nearest,
            best_term,
            1.0,
        )
        scope = float(np.dot(w.scope_weights, scope_features))
        ranked = tuple((w.labels[i], float(probabilities[i])) for i in np.argsort(-probabilities))
        return Prediction(ranked=ranked, in_scope=scope >= 0, scope_score=scope)


def _term_logits(terms: TermWeights, features: TextFeatures) -> Floats:
    values = (1 + np.log(features.counts)) * terms.rarity[features.terms]
    values /= max(float(np.linalg.norm(values)), 1e-9)
    logits = values @ terms.weights[features.terms].astype(np.float32)
    return np.asarray((logits + terms.bias) / terms.temperature, dtype=np.float32)


def _neighbour_belief(
    examples: Floats, labels: NDArray[np.int64], vector: Vector, classes: int
) -> tuple[Floats, float]:
    """Log probabilities from the nearest examples, and the cosine of the very nearest."""
    cosines = examples @ vector
    nearest = np.argpartition(-cosines, min(_NEAREST, len(cosines)) - 1)[:_NEAREST]
    votes = np.bincount(labels[nearest], np.exp((cosines[nearest] - 1) / _REACH), classes) + _NO_EXAMPLE
    return np.log(votes / votes.sum()).astype(np.float32), float(cosines.max())


def _log_sum_exp(logits: Floats) -> float:
    top = float(logits.max())
    return top + float(np.log(np.exp(logits - top).sum()))


def _log_softmax(logits: Floats) -> Floats:
    return np.asarray(logits - _log_sum_exp(logits), dtype=np.float32)


def dump_weights(weights: ClassifierWeights) -> bytes:
    """The artifact as an .npz without pickled objects, so that loading it can run nothing."""
    arrays: dict[str, NDArray[np.generic]] = {
        "version": np.array(ARTIFACT_VERSION),
        "labels": np.array(weights.labels, dtype=np.str_),
        "weights": weights.weights,
        "bias": weights.bias,
        "centroids": weights.centroids,
        "scalars": np.array(
            [
                weights.temperature,
                weights.accuracy,
                weights.calibration_error,
                np.nan if weights.scope_auroc is None else weights.scope_auroc,
            ]
        ),
        "scope": np.array(weights.scope_weights),
        "shares": np.array(weights.shares),
    }
    if weights.terms is not None:
        arrays |= {
            "term_weights": weights.terms.weights,
            "term_bias": weights.terms.bias,
            "term_rarity": weights.terms.rarity,
            "term_temperature": np.array(weights.terms.temperature),
        }
    if weights.neighbours is not None:
        arrays |= {"examples": weights.neighbours.vectors, "example_labels": weights.neighbours.labels}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def load_weights(content: bytes) -> ClassifierWeights:
    """Raises `ConfigurationError` when `content` is not an artifact of this version."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            if int(stored["version"]) != ARTIFACT_VERSION:
                raise ConfigurationError(
                    "The trained classifier is of another version.", hint="Run `copilot ingest` again."
                )
            return _weights({name: stored[name] for name in stored.files})
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise ConfigurationError(
            f"The trained classifier cannot be read: {error}.", hint="Run `copilot ingest` again."
        ) from error


def _weights(stored: dict[str, NDArray[np.float32]]) -> ClassifierWeights:
    temperature, accuracy, error, auroc = (float(x) for x in stored["scalars"])
    top, centroid, energy, nearest, term, constant = (float(x) for x in stored["scope"])
    embedding, terms, neighbours = (float(x) for x in stored["shares"])
    return ClassifierWeights(
        labels=tuple(str(label) for label in stored["labels"]),
        weights=stored["weights"].astype(np.float32),
        bias=stored["bias"].astype(np.float32),
        centroids=stored["centroids"].astype(np.float32),
        temperature=temperature,
        scope_weights=(top, centroid, energy, nearest, term, constant),
        accuracy=accuracy,
        calibration_error=error,
        scope_auroc=None if np.isnan(auroc) else auroc,
        terms=TermWeights(
            weights=stored["term_weights"].astype(np.float16),
            bias=stored["term_bias"].astype(np.float32),
            rarity=stored["term_rarity"].astype(np.float32),
            temperature=float(stored["term_temperature"]),
        )
        if "term_weights" in stored
        else None,
        neighbours=Neighbours(
            vectors=stored["examples"].astype(np.float16), labels=stored["example_labels"].astype(np.int64)
        )
        if "examples" in stored
        else None,
        shares=(embedding, terms, neighbours),
    )


def sentiment_score(prediction: Prediction) -> float:
    """From -1 (angry) to 1 (delighted), out of the three labels' probabilities."""
    score = prediction.probability_of("positive") - prediction.probability_of("negative")
    return max(-1.0, min(1.0, score))
