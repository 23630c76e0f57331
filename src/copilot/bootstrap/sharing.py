"""What several servers share: live events and rate limits, in Redis where the settings name one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from copilot.adapters.memory_event_bus import MemoryEventBus
from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.adapters.probes import Probe
from copilot.adapters.redis.client import check, connect
from copilot.adapters.redis.event_bus import RedisEventBus
from copilot.adapters.redis.rate_limiter import RedisRateLimiter
from copilot.config import Settings
from copilot.ports import Clock, ConversationStore, RateLimiter

_BLOCKING_SECONDS = 10.0
_BURST_SECONDS = 10


@asynccontextmanager
async def open_rates(settings: Settings) -> AsyncIterator[RateLimiter]:
    """Counted with the servers, where they count together: somebody's requests are the same everywhere."""
    if settings.redis_url is None:
        yield MemoryRateLimiter(*_rate(settings))
        return
    redis = connect(settings.redis_url.get_secret_value())
    try:
        yield RedisRateLimiter(redis, *_rate(settings))
    finally:
        await redis.aclose()


def _rate(settings: Settings) -> tuple[int, int]:
    """Requests per minute, and how many of them at once."""
    per_minute = settings.requests_per_minute
    return per_minute, max(1, per_minute * _BURST_SECONDS // 60)


@dataclass(frozen=True)
class Shared:
    """`probes` are what /readyz asks."""

    events: MemoryEventBus
    rates: RateLimiter
    probes: list[Probe]


@asynccontextmanager
async def open_shared(settings: Settings, store: ConversationStore, clock: Clock) -> AsyncIterator[Shared]:
    """Within this process without `redis_url`. A Redis that does not answer is waited for, not required."""
    if settings.redis_url is None:
        yield Shared(MemoryEventBus(store, clock), MemoryRateLimiter(*_rate(settings)), [])
        return
    url = settings.redis_url.get_secret_value()
    async with AsyncExitStack() as stack:
        redis, blocking = connect(url), connect(url, seconds=_BLOCKING_SECONDS)
        stack.push_async_callback(redis.aclose)
        stack.push_async_callback(blocking.aclose)
        events = RedisEventBus(store, clock, redis, blocking)
        await events.start()
        stack.push_async_callback(events.stop)

        async def ask_redis() -> None:
            await check(redis)

        yield Shared(events, RedisRateLimiter(redis, *_rate(settings)), [Probe("redis", ask_redis)])
