"""How late the event loop is: what every request waits for before anything is done for it."""

import asyncio
import time
from collections.abc import Callable

_EVERY_SECONDS = 0.5


class LoopLag:
    """Sleeps, and measures how much later than asked it wakes up. `run` goes on until it is cancelled."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[float], None]] = []

    def listen(self, listener: Callable[[float], None]) -> None:
        """`listener` hears of every measurement, in seconds."""
        self._listeners.append(listener)

    async def run(self) -> None:
        while True:
            due = time.perf_counter() + _EVERY_SECONDS
            await asyncio.sleep(_EVERY_SECONDS)
            late = max(0.0, time.perf_counter() - due)
            for listener in self._listeners:
                listener(late)
