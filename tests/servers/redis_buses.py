"""Event buses over Redis, as several servers have them."""

import asyncio
from contextlib import asynccontextmanager

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.memory_event_bus import BusLimits
from copilot.adapters.redis.client import connect
from copilot.adapters.redis.event_bus import RedisEventBus


@asynccontextmanager
async def redis_buses(store, server):
    """Makes buses on one store and one Redis, each of which listens to the others."""
    buses, clients, starting = [], [], []

    def make(**limits):
        ours = [connect(server.url), connect(server.url, seconds=10)]
        clients.extend(ours)
        buses.append(RedisEventBus(store, FixedClock(), *ours, BusLimits(**limits)))
        starting.append(asyncio.ensure_future(buses[-1].start()))
        return buses[-1]

    try:
        yield make
    finally:
        await asyncio.gather(*starting)
        for bus in buses:
            await bus.stop()
        for client in clients:
            await client.aclose()
