"""Stops asking a dependency that keeps failing, and lets one request through now and then to see."""

import time
from collections.abc import Callable


class CircuitBreaker:
    """Open after `failures` in a row; half open, for one caller, `cool_down` seconds later."""

    def __init__(
        self,
        *,
        failures: int = 5,
        cool_down: float = 20.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._cool_down = cool_down
        self._monotonic = monotonic
        self._failed = 0
        self._opened_at: float | None = None

    def allows(self) -> bool:
        """Whether to try; when half open, only the first caller is told so until it reports back."""
        if self._opened_at is None:
            return True
        if self._monotonic() - self._opened_at < self._cool_down:
            return False
        self._opened_at = self._monotonic()
        return True

    def succeeded(self) -> None:
        self._failed = 0
        self._opened_at = None

    def failed(self) -> None:
        self._failed += 1
        if self._failed >= self._limit:
            self._opened_at = self._monotonic()
