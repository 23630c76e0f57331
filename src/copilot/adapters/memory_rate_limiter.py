"""So many requests a minute for each key, by the generic cell rate algorithm (ITU-T I.371)."""

import time
from collections.abc import Callable

from copilot.adapters.lru_cache import LruCache

_KEYS = 10_000


class MemoryRateLimiter:
    """Implements the port `RateLimiter`: `burst` at once, and from then on evenly spread over the minute."""

    def __init__(self, per_minute: int, burst: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._gap = 60 / per_minute
        self._burst = burst
        self._monotonic = monotonic
        self._due: LruCache[str, float] = LruCache(_KEYS)

    async def take(self, key: str) -> float:
        now = self._monotonic()
        due = max(self._due.get(key) or now, now)
        wait = due - now - self._gap * (self._burst - 1)
        if wait > 0:
            return wait
        self._due.put(key, due + self._gap)
        return 0.0
