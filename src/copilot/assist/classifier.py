"""A linear classifier over sentence embeddings: which intent, how sure, and whether any at all."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from copilot.domain.errors import ConfigurationError
from copilot.ports import ClassifierWeights, Vector

ARTIFACT_VERSION = 1


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


class LinearClassifier:
    """Inference in plain numpy, some microseconds a text."""

    def __init__(self, weights: ClassifierWeights) -> None:
        self.weights = weights

    def predict(self, vector: Vector) -> Prediction:
        """`vector` is the text's unit embedding, shape (dimensions,)."""
        w = self.weights
        logits = (w.weights @ vector + w.bias) / w.temperature
        probabilities = softmax(logits)
        order = np.argsort(-probabilities)
        scope = float(np.dot(w.scope_weights, scope_features(logits, probabilities, w.centroids @ vector)))
        ranked = tuple((w.labels[i], float(probabilities[i])) for i in order)
        return Prediction(ranked=ranked, in_scope=scope >= 0, scope_score=scope)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponents = np.exp(logits - logits.max())
    return np.asarray(exponents / exponents.sum(), dtype=np.float32)


def scope_features(
    logits: NDArray[np.float32], probabilities: NDArray[np.float32], cosines: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(top probability, best centroid cosine, logit energy, 1): see `ClassifierWeights.scope_weights`."""
    top = float(logits.max())
    energy = top + float(np.log(np.exp(logits - top).sum()))
    return np.array([probabilities.max(), cosines.max(), energy, 1.0], dtype=np.float32)


def dump_weights(weights: ClassifierWeights) -> bytes:
    """The artifact as an .npz without pickled objects, so that loading it can run nothing."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        version=np.array(ARTIFACT_VERSION),
        labels=np.array(weights.labels, dtype=np.str_),
        weights=weights.weights,
        bias=weights.bias,
        centroids=weights.centroids,
        scalars=np.array(
            [
                weights.temperature,
                weights.accuracy,
                weights.calibration_error,
                np.nan if weights.scope_auroc is None else weights.scope_auroc,
            ]
        ),
        scope=np.array(weights.scope_weights),
    )
    return buffer.getvalue()


def load_weights(content: bytes) -> ClassifierWeights:
    """Raises `ConfigurationError` when `content` is not an artifact of this version."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            if int(stored["version"]) != ARTIFACT_VERSION:
                raise ConfigurationError(
                    "The trained classifier is of another version.", hint="Run `copilot ingest` again."
                )
            temperature, accuracy, error, auroc = (float(x) for x in stored["scalars"])
            first, second, third, fourth = (float(x) for x in stored["scope"])
            return ClassifierWeights(
                labels=tuple(str(label) for label in stored["labels"]),
                weights=stored["weights"].astype(np.float32),
                bias=stored["bias"].astype(np.float32),
                centroids=stored["centroids"].astype(np.float32),
                temperature=temperature,
                scope_weights=(first, second, third, fourth),
                accuracy=accuracy,
                calibration_error=error,
                scope_auroc=None if np.isnan(auroc) else auroc,
            )
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise ConfigurationError(
            f"The trained classifier cannot be read: {error}.", hint="Run `copilot ingest` again."
        ) from error


def sentiment_score(prediction: Prediction) -> float:
    """From -1 (angry) to 1 (delighted), out of the three labels' probabilities."""
    score = prediction.probability_of("positive") - prediction.probability_of("negative")
    return max(-1.0, min(1.0, score))
