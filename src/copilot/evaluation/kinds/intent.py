"""`intent`: the product's own classifier over labelled texts, out-of-scope ones included.

Each row has `text` and `intent` (or `intents`, any of which is right); `oos` and the like mean none. With
training data it learns from that; without, each file is judged by cross-validation within itself, and rows
out of scope are only ever judged, never learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field, model_validator

from copilot.domain.knowledge import Refusal
from copilot.evaluation.classifying import (
    Judged,
    Labelled,
    embedding,
    features_of,
    figures_of,
    folds,
    judge,
    milliseconds_alone,
    train,
    trainable,
)
from copilot.evaluation.kinds.cases import rounded
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import DataRow, data_files, nothing_to_score, read_rows, sample
from copilot.ports import Embedder

_OUT_OF_SCOPE = frozenset({"oos", "ood", "out_of_scope", "out-of-scope", "outofscope", "outofdomain"})
_WHAT = "JSON Lines with text and intent"


class IntentRow(DataRow):
    text: str = Field(min_length=1)
    intent: str | None = None
    intents: tuple[str, ...] = ()
    domain: str | None = None

    @model_validator(mode="after")
    def _has_label(self) -> "IntentRow":
        if self.intent is None and not self.intents:
            message = "intent: the field is missing"
            raise ValueError(message)
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        named = (self.intent,) if self.intent is not None else self.intents
        return tuple(label for label in named if label.casefold() not in _OUT_OF_SCOPE)


@dataclass(frozen=True)
class _File:
    name: str
    texts: list[Labelled]


class IntentKind:
    """Accuracy, macro-F1, calibration, the out-of-scope AUROC, and how long one text takes."""

    name = "intent"

    def __init__(self, embedder: Embedder | None = None) -> None:
        """`embedder` None: the configured one."""
        self._embedder = embedder

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        files, refused = _read(options.data)
        if not files:
            raise nothing_to_score(options.data, refused, _WHAT)
        with embedding(self._embedder, options.system) as embedder:
            if options.train is not None:
                examples, bad = _read(options.train)
                if not examples:
                    raise nothing_to_score(options.train, bad, _WHAT)
                refused += bad
                learned = [text for file in examples for text in file.texts]
                return await _trained(files, learned, options, refused, embedder, on_progress)
            return await _cross_validated(files, options, refused, embedder, on_progress)


async def _trained(
    files: Sequence[_File],
    learned: Sequence[Labelled],
    options: KindOptions,
    refused: list[Refusal],
    embedder: Embedder,
    on_progress: OnProgress,
) -> KindResult:
    rows, few = trainable(learned)
    texts = [learned[row] for row in rows]
    classifier = await train(texts, await features_of(texts, embedder))
    outside = sum(1 for text in texts if text.label is None)
    notes = [f"trained on {len(texts)} texts, {outside} of them out of scope", *_about_few(few)]
    judged: dict[str, list[Judged]] = {}
    for file in files:
        chosen = sample(file.texts, options.limit, options.seed)
        features = await features_of(chosen, embedder)
        judged[file.name] = [judge(classifier, t, f) for t, f in zip(chosen, features, strict=True)]
        on_progress(len(judged), len(files))
    spent = await milliseconds_alone(embedder, classifier, sample(files[0].texts, 200, options.seed))
    return _result(judged, spent, refused, notes)


async def _cross_validated(
    files: Sequence[_File],
    options: KindOptions,
    refused: list[Refusal],
    embedder: Embedder,
    on_progress: OnProgress,
) -> KindResult:
    notes: list[str] = []
    judged: dict[str, list[Judged]] = {}
    spent: list[float] = []
    for number, file in enumerate(files):
        features = await features_of(file.texts, embedder)
        usable, few = trainable(file.texts)
        notes += [f"{file.name}: {note}" for note in _about_few(few)]
        found: list[Judged] = []
        dealt = folds(file.texts, options.seed)
        for turn, fold in enumerate(dealt):
            left_out = set(fold)
            rows = [r for r in usable if r not in left_out and file.texts[r].label is not None]
            kept, _ = trainable([file.texts[r] for r in rows])
            rows = [rows[k] for k in kept]
            classifier = await train([file.texts[r] for r in rows], [features[r] for r in rows])
            found += [judge(classifier, file.texts[r], features[r]) for r in fold]
            on_progress(number * len(dealt) + turn + 1, len(files) * len(dealt))
            if turn == 0:
                spent += await milliseconds_alone(embedder, classifier, [file.texts[r] for r in fold])
        judged[file.name] = sample(found, options.limit, options.seed)
    notes.append(
        "without training data: five-fold cross-validation in each file; rows out of scope are only judged"
    )
    return _result(judged, spent, refused, notes)


def _about_few(few: Sequence[str]) -> list[str]:
    return [f"too few examples to learn from, so always wrong: {', '.join(few)}"] if few else []


def _result(
    judged: dict[str, list[Judged]], spent: Sequence[float], refused: list[Refusal], notes: Sequence[str]
) -> KindResult:
    """Figures of all files are the means of each file's, which bear its name in front."""
    by_file = {name: figures_of(found) for name, found in judged.items()}
    figures: dict[str, float | None] = {}
    for metric in dict.fromkeys(m for found in by_file.values() for m in found):
        known = [value for found in by_file.values() if (value := found.get(metric)) is not None]
        figures[metric] = float(np.mean(known)) if known else None
    if len(by_file) > 1:
        figures |= {f"{name}.{m}": value for name, found in by_file.items() for m, value in found.items()}
    figures |= {
        "latency_p50_ms": float(np.percentile(spent, 50)),
        "latency_p95_ms": float(np.percentile(spent, 95)),
        "rows": float(sum(map(len, judged.values()))),
    }
    cases = tuple(_case(name, j) for name, found in judged.items() for j in found)
    return KindResult(figures=rounded(figures), cases=cases, refused=tuple(refused), notes=tuple(notes))


def _case(file: str, judged: Judged) -> CaseResult:
    case, prediction = judged.case, judged.prediction
    known = bool(case.labels)
    return CaseResult(
        id=case.id,
        scores={
            "accuracy": float(judged.right) if known else None,
            "scope": float(prediction.in_scope is known),
            "classify_ms": round(judged.milliseconds, 3),
        },
        slices={"file": file, "intent": case.label or "out of scope", **case.slices},
        evidence={
            "text": case.text,
            "expected": list(case.labels),
            "said": prediction.label,
            "probability": round(prediction.probability, 4),
            "in scope": prediction.in_scope,
            "scope score": round(prediction.scope_score, 4),
        },
    )


def _read(data: Path) -> tuple[list[_File], list[Refusal]]:
    files, refused = [], []
    for path in data_files(data, "*.jsonl", f"{_WHAT}, or a folder of such files"):
        rows, bad = read_rows(path, IntentRow)
        refused += bad
        texts = [
            Labelled(
                id=row.place.removeprefix(f"{path.parent}/"),
                text=row.value.text,
                labels=row.value.labels,
                slices={"domain": row.value.domain} if row.value.domain else {},
            )
            for row in rows
        ]
        if texts:
            files.append(_File(path.stem, texts))
    return files, refused
