"""`sentiment`: how a customer feels, by the classifier that the live path asks.

Each row has `text` and `label` (negative, neutral or positive). With training data it learns from that, else
from the product's own lines.
"""

from collections import Counter
from pathlib import Path

import numpy as np
from pydantic import Field

from copilot.assist.classifier import sentiment_score
from copilot.assist.training import sentiment_examples
from copilot.domain.knowledge import Refusal
from copilot.domain.understanding import SentimentLabel
from copilot.evaluation.classifying import (
    Judged,
    Labelled,
    embedding,
    features_of,
    figures_of,
    judge,
    milliseconds_alone,
    train,
)
from copilot.evaluation.kinds.cases import rounded
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import DataRow, Row, data_files, nothing_to_score, read_rows, sample
from copilot.ports import Embedder

_WHAT = "JSON Lines with text and label"


class SentimentRow(DataRow):
    text: str = Field(min_length=1)
    label: SentimentLabel


class SentimentKind:
    """Accuracy, macro-F1, calibration, recall of each label, and how far off the worst are."""

    name = "sentiment"

    def __init__(self, embedder: Embedder | None = None) -> None:
        """`embedder` None: the configured one."""
        self._embedder = embedder

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        rows, refused = _read(options.data)
        if not rows:
            raise nothing_to_score(options.data, refused, _WHAT)
        cases = sample([_labelled(row) for row in rows], options.limit, options.seed)
        learned, source = [Labelled("", text, (label,)) for text, label in sentiment_examples()], "our own"
        if options.train is not None:
            examples, bad = _read(options.train)
            refused += bad
            if not examples:
                raise nothing_to_score(options.train, bad, _WHAT)
            learned, source = [_labelled(row) for row in examples], options.train.name
        with embedding(self._embedder, options.system) as embedder:
            classifier = await train(learned, await features_of(learned, embedder))
            features = await features_of(cases, embedder)
            judged = [judge(classifier, case, f) for case, f in zip(cases, features, strict=True)]
            on_progress(len(judged), len(judged))
            spent = await milliseconds_alone(embedder, classifier, cases)
        figures = figures_of(judged) | _recalls(judged)
        figures |= {
            "latency_p50_ms": float(np.percentile(spent, 50)),
            "latency_p95_ms": float(np.percentile(spent, 95)),
            "rows": float(len(judged)),
        }
        return KindResult(
            figures=rounded(figures),
            cases=tuple(_case(j) for j in judged),
            refused=tuple(refused),
            notes=(f"trained on {len(learned)} lines ({source})",),
        )


def _read(data: Path) -> tuple[list[Row[SentimentRow]], list[Refusal]]:
    parts = [read_rows(path, SentimentRow) for path in data_files(data, "*.jsonl", _WHAT)]
    return [row for rows, _ in parts for row in rows], [bad for _, refused in parts for bad in refused]


def _recalls(judged: list[Judged]) -> dict[str, float | None]:
    counts = Counter(j.case.label for j in judged)
    right = Counter(j.case.label for j in judged if j.right)
    return {f"recall.{label.value}": right[label.value] / counts[label.value] if counts[label.value] else None
            for label in SentimentLabel}  # fmt: skip


def _labelled(row: Row[SentimentRow]) -> Labelled:
    return Labelled(id=row.place, text=row.value.text, labels=(row.value.label.value,))


def _case(judged: Judged) -> CaseResult:
    case, prediction = judged.case, judged.prediction
    return CaseResult(
        id=case.id,
        scores={"accuracy": float(judged.right)},
        slices={"label": case.label or ""},
        evidence={
            "text": case.text,
            "expected": case.label,
            "said": prediction.label,
            "score": round(sentiment_score(prediction), 3),
        },
    )
