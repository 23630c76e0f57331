"""Answers that people have rated, from JSON Lines such as mtRAG's judge_meta.jsonl.

A row is `{task_id, model, turns, contexts, response, human: {dimension: [ratings]}}`, better with `reference`
and `auto: {name: number}`, the scores that others have published. Answers of the model "reference"
are left out: people wrote them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.domain.value import Value
from copilot.evaluation.metrics.metric import Sample

FILE = "judge_meta.jsonl"
_REFERENCE = "reference"
_EXPECTED = (
    'Expected JSON Lines such as {"task_id": "…", "model": "…", "turns": [{"role": "user", "text": "…"}], '
    '"contexts": ["…"], "response": "…", "human": {"faithfulness": [4, 3, 4]}}.'
)


class _Turn(Value, extra="ignore"):
    role: str = ""
    text: str


class RatedAnswer(Value, extra="ignore"):
    """One answer with what people and published metrics say of it."""

    task_id: str
    model: str
    turns: tuple[_Turn, ...] = Field(min_length=1)
    contexts: tuple[str, ...]
    response: str
    human: Mapping[str, tuple[float, ...]]
    reference: str | tuple[str, ...] | None = None
    auto: Mapping[str, float | None] = Field(default_factory=dict)
    answerability: str | tuple[str, ...] = ()

    @property
    def conversation(self) -> str:
        return self.task_id.split("<")[0]

    @property
    def slices(self) -> dict[str, str]:
        kind = self.answerability if isinstance(self.answerability, str) else "/".join(self.answerability)
        return {"model": self.model, **({"answerability": kind} if kind else {})}

    def rating(self, dimension: str) -> float | None:
        values = self.human.get(dimension)
        return float(np.mean(values)) if values else None

    def sample(self) -> Sample:
        reference = (
            self.reference if isinstance(self.reference, str) else next(iter(self.reference or ()), None)
        )
        return Sample(
            id=f"{self.task_id} {self.model}",
            reply=self.response,
            contexts=self.contexts,
            history=tuple(turn.text for turn in self.turns),
            reference=reference,
        )


def read_rated(data: Path) -> tuple[list[RatedAnswer], list[Refusal]]:
    """Of a file, or of judge_meta.jsonl in a folder; `InvalidInput` when no row can be read."""
    path = data / FILE if data.is_dir() else data
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InvalidInput(f"cannot read it: {error.strerror}.", where=str(path), hint=_EXPECTED) from error
    rows: list[RatedAnswer] = []
    refused: list[Refusal] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = RatedAnswer.model_validate(_loaded(line))
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}."
            refused.append(Refusal(source=f"{path}:{number}", reason=reason, hint=_EXPECTED))
        except ValueError as error:
            refused.append(Refusal(source=f"{path}:{number}", reason=f"not JSON: {error}.", hint=_EXPECTED))
        else:
            if row.model != _REFERENCE:
                rows.append(row)
    if not rows:
        reason = f" The first: {refused[0].source}: {refused[0].reason}" if refused else ""
        raise InvalidInput(f"it holds no rated answer.{reason}", where=str(path), hint=_EXPECTED)
    return rows, refused


def dimensions_of(rows: Sequence[RatedAnswer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.human))


def _loaded(line: bytes) -> Any:  # noqa: ANN401 - checked by whoever asked
    return json.loads(line)
