"""How often somebody may ask."""

from typing import Protocol


class RateLimiter(Protocol):
    async def take(self, key: str) -> float:
        """Takes one of the requests that `key` has; 0, or how many seconds until it has one again.

        Never raises: who cannot count with others counts alone.
        """
