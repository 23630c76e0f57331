"""Evaluation reports and how their figures go from run to run."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import Path, Query
from fastapi.responses import Response

from copilot.console.page import PageDep
from copilot.console.plots import Line, Point, line_plot
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.errors import NotFound
from copilot.domain.runs import EvaluationRun, UnreadableRun

router = page_router("reports", Scope.EVALUATION_RUN)
Name = Annotated[str, Query(max_length=200)]
_PER_PAGE = 25


class Reports(Protocol):
    """Where reports are kept."""

    def runs(self) -> tuple[Sequence[EvaluationRun], Sequence[UnreadableRun]]:
        """Newest first, and the files that could not be read. Blocking."""


@router.get("")
async def list_reports(
    page: PageDep, suite: Name = "", metric: Name = "", start: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """All runs, and the trend of one suite's metric."""
    runs, unreadable = await asyncio.to_thread(page.console.reports.runs)
    suites = sorted({s.suite for run in runs for s in run.suites})
    suite = suite if suite in suites else next(iter(suites), "")
    metrics = metrics_of(runs, suite)
    metric = metric if metric in metrics else next(iter(metrics), "")
    return page.render(
        "reports/list.html",
        runs=runs[start : start + _PER_PAGE],
        following=start + _PER_PAGE if start + _PER_PAGE < len(runs) else None,
        unreadable=unreadable,
        suites=suites,
        suite=suite,
        metrics=metrics,
        metric=metric,
        trend=trend_of(runs, suite, metric),
    )


@router.get("/{run_id}")
async def show_report(page: PageDep, run_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> Response:
    runs, _ = await asyncio.to_thread(page.console.reports.runs)
    run = next((run for run in runs if run.id == run_id), None)
    if run is None:
        raise NotFound("There is no such report.", hint="It may have been overwritten by a later run.")
    return page.render("reports/show.html", run=run)


def metrics_of(runs: Sequence[EvaluationRun], suite: str) -> list[str]:
    """Names of the suite's figures, those that something must hold for first."""
    found = [s for run in runs for s in run.suites if s.suite == suite]
    held = dict.fromkeys(name for s in found for name in (*s.low, *s.high))
    return list(dict.fromkeys([*held, *(name for s in found for name in s.figures)]))


def trend_of(runs: Sequence[EvaluationRun], suite: str, metric: str) -> dict[str, object]:
    """The figure of every run that has it, oldest first, with its limits as a plot and as rows."""
    rows = [
        (run, one, one.figures[metric])
        for run in reversed(runs)
        for one in run.suites
        if one.suite == suite and one.figures.get(metric) is not None
    ]
    points = [
        Point(run.created_at.strftime("%m-%d %H:%M"), value) for run, _, value in rows if value is not None
    ]
    limits = [
        Line(f"{name} allowed", [Point(p.label, limit) for p in points], tone="limit")
        for name, limit in (
            ("least", rows[-1][1].low.get(metric) if rows else None),
            ("most", rows[-1][1].high.get(metric) if rows else None),
        )
        if limit is not None
    ]
    title = f"{metric} of {suite} by run"
    return {
        "plot": line_plot(title, [Line(metric, points, tone="first"), *limits], from_zero=False)
        if points
        else None,
        "rows": list(reversed(rows)),
    }
