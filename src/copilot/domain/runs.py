"""Evaluation runs as people compare them over time: figures, without the cases."""

from datetime import datetime

from pydantic import Field

from copilot.domain.value import Value


class Held(Value):
    """Something that a run had to hold, and whether it did."""

    name: str
    passed: bool
    measured: str
    expected: str


class SuiteRun(Value):
    """One suite of a run. `low` and `high` are what a figure must lie between, by its name."""

    suite: str
    title: str
    kind: str
    passed: bool
    problem: str | None = None
    cases: int
    errors: int
    seconds: float
    figures: dict[str, float | None]
    low: dict[str, float] = Field(default_factory=dict)
    high: dict[str, float] = Field(default_factory=dict)
    held: tuple[Held, ...] = ()


class EvaluationRun(Value):
    """What one report.json says; `id` names it in addresses."""

    id: str
    file: str
    product: str
    created_at: datetime
    suites: tuple[SuiteRun, ...]

    @property
    def passed(self) -> bool:
        return all(suite.passed for suite in self.suites)


class UnreadableRun(Value):
    """A file that looked like a report, and why it is none."""

    file: str
    why: str
