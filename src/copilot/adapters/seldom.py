"""What repeats itself in the log is told once a minute."""

import logging
import time
from collections.abc import Callable

_EVERY_SECONDS = 60.0


class Seldom(logging.Filter):
    """Lets through one message a minute of the logger that it filters."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._next = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + _EVERY_SECONDS
        return True
