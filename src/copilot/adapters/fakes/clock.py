"""A clock that stands still until told otherwise."""

from datetime import UTC, datetime, timedelta


class FixedClock:
    def __init__(self, at: datetime = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def forward(self, by: timedelta) -> None:
        self._at += by
