"""The real API, SQL stores and event bus around the fake live path, for tests that need a process."""

import asyncio
import socket
import sys
from pathlib import Path

import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "api"))

from world import FakeAssist, World

from copilot.adapters.clock import SystemClock
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.memory_event_bus import BusLimits, MemoryEventBus
from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.adapters.sql.api_key_store import SqlApiKeyStore, server_secret
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.idempotency_store import SqlIdempotencyStore
from copilot.domain.access import Principal, Role
from copilot.server import create_server


class LiveWorld(World):
    """A World whose stores are on disk."""

    def __init__(self, database: Database, data: Path) -> None:
        super().__init__()
        self.clock = SystemClock()
        self.conversations = SqlConversationStore(database)
        self.idempotency = SqlIdempotencyStore(database)
        self.rates = MemoryRateLimiter(per_minute=100_000, burst=100_000)
        self.person_tokens = None
        self.api_keys = SqlApiKeyStore(database, server_secret(data / "server.secret"), self.clock)
        limits = BusLimits(subscriber_queue=16, ring=400, id_block=50)
        self.events = MemoryEventBus(self.conversations, self.clock, limits)
        self.assist = FakeAssist(self.clock, Uuid7Ids(), self.conversations, self.events, self.actions)


async def main(data: Path, port: int) -> None:
    database = await Database.open(data / "copilot.db")
    world = LiveWorld(database, data)
    if not (data / "key").exists():
        principal = Principal(id="rep_1", tenant_id="larkfield", name="Ana", role=Role.ADMIN)
        (data / "key").write_text(await world.api_keys.create(principal))
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY only then
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # so that a slow reader shows soon
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(create_server(world), log_level="warning", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[listener])
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
