"""Our own measure of whether a reply rests on the texts it was given; it asks no language model.

`score` grades: the mean over sentences of shared words and nearness in meaning, with no parameter that was
fitted. `attributable` decides: the probability that every claim of the reply is in the texts, by a logistic
regression over `FEATURES` (faithfulness_weights.json, made by scripts/train_faithfulness.py).
What it cannot see is written down in docs/decisions/0024-faithfulness-without-a-model.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from copilot.evaluation.metrics.faithfulness_weights import AttributionWeights
from copilot.evaluation.metrics.metric import Sample, Score
from copilot.evaluation.metrics.support_features import (
    FEATURES,
    SentenceReading,
    context_sentences,
    read_sentence,
    reply_features,
    sentences_of,
    source_of,
    stems_of,
)
from copilot.ports import Embedder, Vector

_BATCH = 64


@dataclass(frozen=True)
class Reading:
    """Of one reply. `features` are in the order of `FEATURES`; empty for a reply without a sentence."""

    score: float
    sentences: tuple[SentenceReading, ...]
    features: tuple[float, ...]


class Faithfulness:
    """0: nothing of the reply is in its contexts; 1: all of it is, in the same words."""

    name = "faithfulness"
    needs_judge = False

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def score(self, sample: Sample) -> Score:
        (score,) = await self.score_all([sample])
        return score

    async def score_all(self, samples: Sequence[Sample]) -> list[Score]:
        return [_as_score(reading) for reading in await self.read_all(samples)]

    async def read_all(self, samples: Sequence[Sample]) -> list[Reading]:
        """Each sentence is embedded once, however often it occurs."""
        readings: list[Reading] = []
        for start in range(0, len(samples), _BATCH):
            batch = samples[start : start + _BATCH]
            readings += await self._read(batch)
        return readings

    async def _read(self, samples: Sequence[Sample]) -> list[Reading]:
        texts = dict.fromkeys(
            text
            for sample in samples
            for text in (*sentences_of(sample.reply), *context_sentences(sample.contexts))
        )
        rows = await self._embedder.embed_passages(list(texts))
        vectors = dict(zip(texts, rows, strict=True))
        return [_reading(sample, vectors) for sample in samples]


class Attribution:
    """The probability that every claim of a reply is in its contexts, 0..1."""

    name = "attribution"
    needs_judge = False

    def __init__(self, faithfulness: Faithfulness, weights: AttributionWeights | None = None) -> None:
        """Asks `faithfulness` for its features, so that no sentence is embedded for both."""
        self._faithfulness = faithfulness
        self._weights = weights or AttributionWeights.load()

    async def score(self, sample: Sample) -> Score:
        (score,) = await self.score_all([sample])
        return score

    async def score_all(self, samples: Sequence[Sample]) -> list[Score]:
        readings = await self._faithfulness.read_all(samples)
        return [
            _as_score(reading).model_copy(
                update={"value": self._weights.probability(reading.features, sample.contexts)}
            )
            for sample, reading in zip(samples, readings, strict=True)
        ]


def _reading(sample: Sample, vectors: dict[str, Vector]) -> Reading:
    sentences = context_sentences(sample.contexts)
    known = np.stack([vectors[s] for s in sentences]) if sentences else np.zeros((0, 1), dtype=np.float32)
    source = source_of(sample.contexts, sentences, known)
    said = stems_of(sample.history)
    read = tuple(read_sentence(s, vectors[s], source, said) for s in sentences_of(sample.reply))
    if not read:
        return Reading(0.0, (), ())
    features = reply_features(read, source, said)
    # Who has been given nothing, and says that they do not know, has made nothing up.
    graded = [1.0 if s.abstains and not sentences else s.support for s in read]
    weights = [s.weight for s in read]
    return Reading(
        score=float(np.average(graded, weights=weights)),
        sentences=read,
        features=tuple(features[name] for name in FEATURES),
    )


def _as_score(reading: Reading) -> Score:
    if not reading.sentences:
        return Score(error="the reply is empty")
    return Score(
        value=round(min(1.0, max(0.0, reading.score)), 6),
        evidence={
            "sentences": [
                {"text": s.text, "support": round(s.support, 3), "evidence": s.evidence}
                for s in reading.sentences
            ]
        },
    )
