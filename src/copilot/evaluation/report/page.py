"""A run as one HTML page: what holds, where it is weak, and the cases to look at first."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from copilot.evaluation.kinds.kind import CaseResult
from copilot.evaluation.outcome import EvaluationReport, SliceRow, SuiteOutcome, Verdict
from copilot.evaluation.report.table import judge_line

_BINS = 10
_MOST_HISTOGRAMS = 6
_MOST_CASES = 12
_MOST_TEXT = 1_600
_COUNTS = ("tasks", "spans", "negatives", "injected", "clean", "expectations", "misses", "new_misses")


@dataclass(frozen=True)
class Bar:
    """A figure between 0 and 1; `low` and `high` are what it must lie between."""

    name: str
    value: float | None
    text: str
    low: float | None = None
    high: float | None = None
    before: float | None = None
    passed: bool | None = None
    cases: int | None = None
    note: str = ""
    """Why it is not run, or on how many cases its metric failed."""

    @property
    def plotted(self) -> bool:
        """Counts and times have no place on a line from 0 to 1."""
        share = self.value is None or 0 <= self.value <= 1
        return share and self.name not in _COUNTS and not self.name.startswith("tasks_")


@dataclass(frozen=True)
class Histogram:
    name: str
    counts: tuple[int, ...]
    mean: float

    @property
    def highest(self) -> int:
        return max(self.counts)


@dataclass(frozen=True)
class Exhibit:
    """A case to look at: why it is here, and its evidence as (name, text)."""

    id: str
    why: str
    scores: tuple[tuple[str, str], ...]
    slices: str
    evidence: tuple[tuple[str, str], ...]


def page(report: EvaluationReport) -> str:
    """Self-contained; every text of cases and files is escaped."""
    environment = Environment(
        loader=PackageLoader("copilot.evaluation.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    views = [_view(outcome) for outcome in report.suites]
    return environment.get_template("report.html.j2").render(report=report, views=views)


def _view(outcome: SuiteOutcome) -> dict[str, Any]:
    primary = primary_score(outcome)
    bars = list(_bars(outcome))
    return {
        "outcome": outcome,
        "judge": judge_line(outcome.judge) if outcome.judge is not None else "",
        "failed": [verdict for verdict in outcome.verdicts if not verdict.passed],
        "bars": [bar for bar in bars if bar.plotted],
        "numbers": [bar for bar in bars if not bar.plotted],
        "primary": primary,
        "slices": list(_slices(outcome.slices, primary)),
        "histograms": list(_histograms(outcome.cases, primary)),
        "worst": worst_cases(outcome, primary),
        "changed": changed_scores(outcome),
    }


def primary_score(outcome: SuiteOutcome) -> str | None:
    """What cases are ordered by: the first score that must not regress, or the first that there is."""
    names = [n for case in outcome.cases for n in case.scores]
    candidates = [*outcome.regressions, *outcome.thresholds, *outcome.shown, *names]
    return next((name for name in candidates if name in set(names)), None)


def _bars(outcome: SuiteOutcome) -> Iterable[Bar]:
    held = {v.name: v for v in outcome.verdicts if v.check == "threshold"}
    names = [*outcome.shown, *(name for name in outcome.thresholds if name not in outcome.shown)]
    # What must hold comes first.
    for name in sorted(names, key=lambda n: n not in outcome.thresholds):
        limit, verdict = outcome.thresholds.get(name), held.get(name)
        value = outcome.figures.get(name)
        yield Bar(
            name=name,
            value=value,
            text="not run" if value is None else f"{value:.4g}",
            low=limit.min if limit else None,
            high=limit.max if limit else None,
            before=outcome.figures_before.get(name),
            passed=verdict.passed if verdict else None,
            note=outcome.failures.get(name) or outcome.not_run.get(name) or "",
        )


def _slices(rows: Sequence[SliceRow], primary: str | None) -> Iterable[tuple[str, list[Bar]]]:
    for name in dict.fromkeys(row.slice for row in rows):
        bars = []
        for row in rows:
            value = row.scores.get(primary) if primary else None
            if row.slice == name and value is not None and 0 <= value <= 1:
                bars.append(Bar(name=row.value, value=value, text=f"{value:.3f}", cases=row.cases))
        if bars:
            yield name, bars


def _histograms(cases: Sequence[CaseResult], primary: str | None) -> Iterable[Histogram]:
    names = dict.fromkeys([*([primary] if primary else []), *(n for case in cases for n in case.scores)])
    shown = 0
    for name in names:
        values = [v for case in cases if (v := case.scores.get(name)) is not None]
        if not values or min(values) < 0 or max(values) > 1 or shown == _MOST_HISTOGRAMS:
            continue
        shown += 1
        counts = [0] * _BINS
        for value in values:
            counts[min(_BINS - 1, int(value * _BINS))] += 1
        yield Histogram(name, tuple(counts), sum(values) / len(values))


def worst_cases(outcome: SuiteOutcome, primary: str | None) -> list[Exhibit]:
    """First what has no score, then the lowest scores (the highest, where lower is better)."""
    found = [_exhibit(case, f"no score: {case.problem}") for case in outcome.errors[:_MOST_CASES]]
    if primary is None:
        return found
    sign = -1.0 if outcome.regressions.get(primary) == "lower" else 1.0
    scored = [c for c in outcome.cases if c.problem is None and c.scores.get(primary) is not None]
    scored.sort(key=lambda case: sign * (case.scores[primary] or 0.0))
    best = 1.0 if sign > 0 else 0.0
    worst = [case for case in scored if case.scores[primary] != best]
    room = max(0, _MOST_CASES - len(found))
    return found + [_exhibit(c, f"{primary} {c.scores[primary]:.3g}") for c in worst[:room]]


def _exhibit(case: CaseResult, why: str) -> Exhibit:
    return Exhibit(
        id=case.id,
        why=why,
        scores=tuple((n, _score(case, n)) for n in case.scores),
        slices=", ".join(f"{name}: {value}" for name, value in case.slices.items()),
        evidence=tuple(
            (name, _shown(value)) for name, value in case.evidence.items() if value not in (None, "")
        ),
    )


def _score(case: CaseResult, name: str) -> str:
    value = case.scores[name]
    if name in case.failed:
        return "0 (failed)"
    return "–" if value is None else f"{value:.3g}"


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever a kind has to show
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = "\n".join(value) or "nothing"
    else:
        text = json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]} …"


def changed_scores(outcome: SuiteOutcome) -> list[tuple[str, Any, Verdict | None]]:
    """(score, how it differs from the baseline's, what was asked of it)."""
    held = {v.name: v for v in outcome.verdicts if v.check == "regression"}
    rows = [(name, difference, held.get(name)) for name, difference in outcome.differences.items()]
    return sorted(rows, key=lambda row: (row[2] is None, not row[1].significant))
