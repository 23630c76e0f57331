"""Training and asking the product's own classifier over labelled texts, and what its answers come to."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from copilot.adapters.classifier_training import ExpertTrainer
from copilot.assist.classifier import Classifier, Prediction
from copilot.assist.text_features import text_features
from copilot.bootstrap.models import open_embedder
from copilot.evaluation.workbench import settings_for
from copilot.ports import Embedder, TextFeatures

FOLDS = 5
_FEWEST = 3
_BINS = 10
_TIMED = 200


@dataclass(frozen=True)
class Labelled:
    """One text; no `labels` where it belongs to none (out of scope). Any of several counts as right."""

    id: str
    text: str
    labels: tuple[str, ...]
    slices: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        return self.labels[0] if self.labels else None


@dataclass(frozen=True)
class Judged:
    """What the classifier said of one text."""

    case: Labelled
    prediction: Prediction
    milliseconds: float
    """For the classifier alone, without the embedding."""

    @property
    def right(self) -> bool:
        return self.prediction.label in self.case.labels


@contextmanager
def embedding(given: Embedder | None, system: dict[str, Any]) -> Iterator[Embedder]:
    """`given`, else the configured one, closed afterwards."""
    if given is not None:
        yield given
        return
    opened = open_embedder(settings_for(system))
    try:
        yield opened
    finally:
        opened.close()


async def features_of(texts: Sequence[Labelled], embedder: Embedder) -> list[TextFeatures]:
    vectors = await embedder.embed_passages([t.text for t in texts])
    return [text_features(t.text, vector) for t, vector in zip(texts, vectors, strict=True)]


def trainable(texts: Sequence[Labelled]) -> tuple[list[int], list[str]]:
    """Rows of labels with examples enough, and of no label at all; the labels that have too few."""
    counts: dict[str, int] = defaultdict(int)
    for text in texts:
        if text.label is not None:
            counts[text.label] += 1
    few = sorted(label for label, count in counts.items() if count < _FEWEST)
    return [i for i, text in enumerate(texts) if text.label not in few], few


async def train(texts: Sequence[Labelled], features: Sequence[TextFeatures]) -> Classifier:
    """As ingest trains a tenant's classifier. `InvalidInput` with too little to learn from."""
    weights = await asyncio.to_thread(ExpertTrainer().train, features, [text.label for text in texts])
    return Classifier(weights)


def judge(classifier: Classifier, text: Labelled, features: TextFeatures) -> Judged:
    begun = time.perf_counter()
    prediction = classifier.predict(features)
    return Judged(text, prediction, (time.perf_counter() - begun) * 1000)


def folds(texts: Sequence[Labelled], seed: int) -> list[list[int]]:
    """Rows dealt into folds, each label evenly, by `seed`."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        by_label[text.label or ""].append(row)
    chance = np.random.default_rng(seed)
    dealt: list[list[int]] = [[] for _ in range(FOLDS)]
    place = 0
    for label in sorted(by_label):
        for row in chance.permutation(by_label[label]):
            dealt[place % FOLDS].append(int(row))
            place += 1
    return dealt


async def milliseconds_alone(
    embedder: Embedder, classifier: Classifier, texts: Sequence[Labelled]
) -> list[float]:
    """Milliseconds of embedding and classifying, one text after another, of at most 200 of them."""
    spent = []
    for text in texts[:_TIMED]:
        begun = time.perf_counter()
        classifier.predict(text_features(text.text, await embedder.embed_query(text.text)))
        spent.append((time.perf_counter() - begun) * 1000)
    return spent


def figures_of(judged: Sequence[Judged]) -> dict[str, float | None]:
    """Accuracy, macro-F1 and calibration over texts that have a label, and how well the others are told."""
    labelled = [j for j in judged if j.case.labels]
    figures: dict[str, float | None] = {
        "accuracy": float(np.mean([j.right for j in labelled])) if labelled else None,
        "macro_f1": _macro_f1(labelled) if labelled else None,
        "ece": _calibration_error(labelled) if labelled else None,
    }
    outside = [j for j in judged if not j.case.labels]
    if outside and labelled:
        figures |= {
            "oos_auroc": _auroc(labelled, outside),
            "oos_refused": float(np.mean([not j.prediction.in_scope for j in outside])),
            "in_scope_kept": float(np.mean([j.prediction.in_scope for j in labelled])),
        }
    return figures | {"classify_p95_ms": float(np.percentile([j.milliseconds for j in judged], 95))}


def _macro_f1(judged: Sequence[Judged]) -> float:
    """The mean over true labels; a text with several counts for the one that was found."""
    from sklearn.metrics import f1_score  # noqa: PLC0415 - costs start-up time

    truth = [j.prediction.label if j.right else j.case.labels[0] for j in judged]
    said = [j.prediction.label for j in judged]
    return float(f1_score(truth, said, labels=sorted(set(truth)), average="macro", zero_division=0))


def _auroc(inside: Sequence[Judged], outside: Sequence[Judged]) -> float:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - costs start-up time

    truth = [1] * len(inside) + [0] * len(outside)
    return float(roc_auc_score(truth, [j.prediction.scope_score for j in (*inside, *outside)]))


def _calibration_error(judged: Sequence[Judged]) -> float:
    """Expected calibration error over ten equal bins of the top probability."""
    top = np.array([j.prediction.probability for j in judged])
    right = np.array([j.right for j in judged])
    bins = np.minimum((top * _BINS).astype(int), _BINS - 1)
    return float(sum(abs((right[bins == b] - top[bins == b]).sum()) for b in range(_BINS)) / len(judged))
