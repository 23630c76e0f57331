"""What every RateLimiter does: so many at once, then evenly, each key for itself."""

import asyncio

import pytest

from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.adapters.redis.client import connect
from copilot.adapters.redis.rate_limiter import RedisRateLimiter

PER_MINUTE = 200
EACH_SECONDS = 60 / PER_MINUTE
"""Long enough for a busy machine to ask several times meanwhile."""


@pytest.fixture(params=["memory", "redis"])
async def limiter(request):
    """One each `EACH_SECONDS`, 3 at once."""
    if request.param == "memory":
        yield MemoryRateLimiter(per_minute=PER_MINUTE, burst=3)
        return
    server = request.getfixturevalue("redis")
    server.empty()
    client = connect(server.url)
    yield RedisRateLimiter(client, per_minute=PER_MINUTE, burst=3)
    await client.aclose()


async def test_so_many_at_once_and_then_it_says_how_long_to_wait(limiter):
    waits = [await limiter.take("ana") for _ in range(5)]

    assert waits[:3] == [0, 0, 0]
    assert all(0 < wait <= EACH_SECONDS for wait in waits[3:])
    await asyncio.sleep(waits[-1] + 0.02)
    assert await limiter.take("ana") == 0
    assert await limiter.take("ana") > 0


async def test_a_refused_request_costs_nothing_and_every_key_has_its_own(limiter):
    for _ in range(3):
        await limiter.take("ana")
    refused = [await limiter.take("ana") for _ in range(20)]

    assert max(refused) <= EACH_SECONDS
    assert await limiter.take("rita") == 0


async def test_after_a_rest_no_more_than_the_burst_has_been_saved(limiter):
    await limiter.take("ana")
    await asyncio.sleep(4 * EACH_SECONDS)
    assert [await limiter.take("ana") == 0 for _ in range(4)] == [True, True, True, False]


async def test_two_servers_count_together_and_each_alone_while_redis_is_away(redis):
    redis.empty()
    clients = [connect(redis.url) for _ in range(2)]
    one, other = (RedisRateLimiter(client, per_minute=60, burst=4) for client in clients)
    taken = [await limiter.take("ana") == 0 for limiter in (one, other) * 3]
    assert taken == [True] * 4 + [False] * 2

    gone = connect("redis://127.0.0.1:1/0")
    alone = RedisRateLimiter(gone, per_minute=60, burst=2)
    assert [await alone.take("ana") == 0 for _ in range(3)] == [True, True, False]
    for client in (*clients, gone):
        await client.aclose()
