"""What a run leaves behind: figures, cases, and which of the things that must hold do."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.domain.value import Value
from copilot.evaluation.judges.endpoint import JudgeRecord
from copilot.evaluation.judging import JudgedMetric
from copilot.evaluation.kinds.kind import CaseResult
from copilot.evaluation.significance import Difference
from copilot.evaluation.suites import Threshold

REPORT = "report.json"


class Verdict(Value):
    """One thing that must hold; `measured` and `expected` are for a person to read."""

    check: Literal["threshold", "regression", "errors", "refused", "run"]
    name: str
    passed: bool
    measured: str
    expected: str


class SliceRow(Value):
    """Means of the cases that share one property."""

    slice: str
    value: str
    cases: int
    errors: int
    scores: dict[str, float | None]


class SuiteOutcome(Value):
    """One suite, run."""

    suite: str
    title: str
    kind: str
    data: str
    seed: int
    judge: JudgeRecord | None = None
    """Who was asked for the metrics of `judged`, and what this run spent on it."""
    judged: tuple[JudgedMetric, ...] = ()
    system: dict[str, Any] = Field(default_factory=dict)
    fingerprint: str = ""
    """Of the product's code, its settings and the data."""
    seconds: float = 0.0
    recalled: int = 0
    """Cases whose result an earlier run had kept."""
    metrics: tuple[str, ...] = ()
    thresholds: dict[str, Threshold] = Field(default_factory=dict)
    regressions: dict[str, Literal["higher", "lower"]] = Field(default_factory=dict)
    figures: dict[str, float | None] = Field(default_factory=dict)
    slices: tuple[SliceRow, ...] = ()
    cases: tuple[CaseResult, ...] = ()
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    baseline: str | None = None
    differences: dict[str, Difference] = Field(default_factory=dict)
    """Of the cases' scores from the baseline's, by score."""
    figures_before: dict[str, float | None] = Field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    problem: str | None = None
    """Why it could not run at all."""

    @property
    def passed(self) -> bool:
        return self.problem is None and all(verdict.passed for verdict in self.verdicts)

    @property
    def errors(self) -> tuple[CaseResult, ...]:
        """The cases of which something has no score."""
        return tuple(case for case in self.cases if case.problem is not None)

    @property
    def shown(self) -> dict[str, float | None]:
        """The figures that the suite asks for, or all, and what a judge scores or would score."""
        if not self.metrics:
            return self.figures
        names = dict.fromkeys([*self.metrics, *(metric.name for metric in self.judged)])
        return {name: self.figures.get(name) for name in names}

    @property
    def failures(self) -> dict[str, str]:
        """By metric, on how many of its cases it failed."""
        return {m.name: f"failed on {m.failed} of {m.cases}" for m in self.judged if m.failed}

    @property
    def not_run(self) -> dict[str, str]:
        """By metric, why it has no number."""
        return {m.name: m.not_run for m in self.judged if m.not_run is not None}


class EvaluationReport(Value):
    """What `report.json` holds; `format` grows when a reader of the one before would misread it."""

    format: Literal[1] = 1
    product: str
    created_at: datetime
    suites: tuple[SuiteOutcome, ...]

    @property
    def passed(self) -> bool:
        return all(outcome.passed for outcome in self.suites)


def read_report(path: Path) -> EvaluationReport:
    """Of a file, or of a folder that `--out` named. `InvalidInput` when it is none."""
    file = path / REPORT if path.is_dir() else path
    try:
        return EvaluationReport.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InvalidInput(f"cannot read it: {error.strerror}.", where=str(file)) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(
            f"this is no report: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
            where=str(file),
            hint="Expected a report.json of `copilot eval run`.",
        ) from error
