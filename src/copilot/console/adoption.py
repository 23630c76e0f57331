"""What becomes of suggestions, and how long people wait for them."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from copilot.console.page import PageDep
from copilot.console.plots import Bar, Line, Point, bar_plot, line_plot
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.activity import Adoption, by_day, percentile

router = page_router("adoption", Scope.ACTIVITY_READ)
OUTCOMES = ("used", "edited", "ignored", "rejected", "unjudged")
SPANS = (7, 30, 90)


@router.get("")
async def show_adoption(page: PageDep, days: Annotated[int, Query(ge=1, le=366)] = 30) -> Response:
    """Of the last `days` days, today among them (UTC)."""
    until = page.clock.now()
    since = datetime.combine(until.date() - timedelta(days=days - 1), time(), until.tzinfo)
    activity = page.services.activity
    adoption = await activity.adoption(page.tenant_id, since, until)
    waits = await activity.waits(page.tenant_id, since, until)
    by_days = by_day(waits)
    seconds = [wait.seconds for wait in waits]
    return page.render(
        "adoption/show.html",
        days=days,
        spans=SPANS,
        adoption=adoption,
        total=total_of(adoption),
        outcomes=OUTCOMES,
        adoption_plot=adoption_plot(adoption),
        waits=list(reversed(by_days)),
        waits_plot=line_plot(
            "Seconds to the first suggestion, by day",
            [
                Line("p50", [Point(f"{one.day:%m-%d}", one.p50) for one in by_days], tone="first"),
                Line("p95", [Point(f"{one.day:%m-%d}", one.p95) for one in by_days], tone="second"),
            ],
        )
        if by_days
        else None,
        p50=percentile(seconds, 50) if seconds else None,
        p95=percentile(seconds, 95) if seconds else None,
    )


def total_of(adoption: Sequence[Adoption]) -> Adoption:
    """All intents together."""
    names = ("shown", "used", "edited", "ignored", "rejected")
    sums = {name: sum(getattr(one, name) for one in adoption) for name in names}
    return Adoption(intent=None, **sums)


def adoption_plot(adoption: Sequence[Adoption]) -> str | None:
    """A bar for each intent; None when nothing was shown."""
    if not adoption:
        return None
    bars = [
        Bar(
            (one.intent or "no intent").replace("_", " "),
            [(outcome, getattr(one, outcome), outcome) for outcome in OUTCOMES],
        )
        for one in adoption
    ]
    return bar_plot("What became of suggestions, by intent", bars)
