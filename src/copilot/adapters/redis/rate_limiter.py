"""So many requests a minute for each key, counted by all servers together."""

from typing import TYPE_CHECKING

from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.adapters.redis.client import translated
from copilot.domain.errors import DependencyUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

_TAKE = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local gap, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = due - now - gap * (burst - 1)
if wait > 0 then return string.format('%.6f', wait) end
redis.call('SET', KEYS[1], string.format('%.6f', due + gap), 'PX', math.ceil((due + gap - now) * 1000) + 1)
return '0'
"""


class RedisRateLimiter:
    """Implements the port `RateLimiter`; while Redis is gone each server counts alone."""

    def __init__(self, redis: "Redis", per_minute: int, burst: int) -> None:
        self._script = redis.register_script(_TAKE)
        self._gap = 60 / per_minute
        self._burst = burst
        self._alone = MemoryRateLimiter(per_minute, burst)

    async def take(self, key: str) -> float:
        try:
            async with translated():
                wait = await self._script(keys=[f"{{copilot}}:rate:{key}"], args=[self._gap, self._burst])
        except DependencyUnavailable:
            return await self._alone.take(key)
        return float(wait)
