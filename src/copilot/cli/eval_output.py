"""What evaluations show in a terminal while they run and when they are done, and their exit status."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from copilot.evaluation.outcome import SuiteOutcome

_BAD_INPUT = 2
_MOST_REFUSED = 20


class Bars:
    """A bar for each name, on stderr; a callable that moves them."""

    def __init__(self, names: Iterable[str]) -> None:
        from rich.console import Console  # noqa: PLC0415 - costs start-up time
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._tasks = {name: self._bar.add_task(name, total=None) for name in names}

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, name: str, done: int, total: int) -> None:
        self._bar.update(self._tasks[name], completed=done, total=total)


def print_outcomes(outcomes: "list[SuiteOutcome]", folder: Path, *, as_json: bool, bare: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - costs start-up time

    from copilot.evaluation.report.table import print_outcome  # noqa: PLC0415

    console = Console(stderr=as_json)
    for outcome in outcomes:
        print_outcome(console, outcome)
    console.print(f"\nReport: {folder / 'report.html'}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        rows = [_plain(outcome) for outcome in outcomes]
        passed = all(outcome.passed for outcome in outcomes)
        print(json.dumps(rows[0] if bare else {"passed": passed, "suites": rows}))


def _plain(outcome: "SuiteOutcome") -> dict[str, Any]:
    return {
        "kind": outcome.kind,
        "suite": outcome.suite,
        "data": outcome.data,
        "passed": outcome.passed,
        "figures": outcome.figures,
        "cases": len(outcome.cases),
        "errors": len(outcome.errors),
        "not_run": outcome.not_run,
        "metric_failures": {metric.name: metric.failed for metric in outcome.judged if metric.failed},
        "judge": outcome.judge.model_dump(mode="json") if outcome.judge is not None else None,
        "refused": len(outcome.refused),
        "refused_rows": [f"{r.source}: {r.reason}" for r in outcome.refused[:_MOST_REFUSED]],
        "failed": [f"{v.check} {v.name}" for v in outcome.verdicts if not v.passed],
        "notes": list(outcome.notes),
        "problem": outcome.problem,
        "seconds": outcome.seconds,
    }


def exit_status(outcomes: "list[SuiteOutcome]") -> int:
    """2 goes before 1: what cannot be read is mended first."""
    refused = any(v.check == "refused" and not v.passed for outcome in outcomes for v in outcome.verdicts)
    if refused or any(outcome.problem is not None for outcome in outcomes):
        return _BAD_INPUT
    return 0 if all(outcome.passed for outcome in outcomes) else 1
