"""What became of suggestions and how long people waited for them, over a span of days."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from pydantic import Field

from copilot.domain.value import Value


class Adoption(Value):
    """Suggestions for one intent (None: no playbook recognised); unanswered ones are only `shown`."""

    intent: str | None
    shown: int = Field(ge=0)
    used: int = Field(default=0, ge=0)
    edited: int = Field(default=0, ge=0)
    ignored: int = Field(default=0, ge=0)
    rejected: int = Field(default=0, ge=0)

    @property
    def unjudged(self) -> int:
        return max(0, self.shown - self.used - self.edited - self.ignored - self.rejected)


class Wait(Value):
    """From a customer's turn, at `asked_at`, to the first whole suggestion for it."""

    asked_at: datetime
    seconds: float = Field(ge=0)


class DayOfWaits(Value):
    """Half of the day's turns waited at most `p50`, 95 of 100 at most `p95` seconds."""

    day: date
    turns: int
    p50: float
    p95: float


def by_day(waits: Iterable[Wait]) -> list[DayOfWaits]:
    """By UTC day, oldest first; days without a suggestion are left out."""
    days: dict[date, list[float]] = defaultdict(list)
    for wait in waits:
        days[wait.asked_at.date()].append(wait.seconds)
    return [
        DayOfWaits(day=day, turns=len(found), p50=percentile(found, 50), p95=percentile(found, 95))
        for day, found in sorted(days.items())
    ]


def percentile(values: Iterable[float], percent: int) -> float:
    """The least value that at least `percent` of 100 do not exceed (nearest rank)."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there is no percentile of nothing")
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
