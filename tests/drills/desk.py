"""A desk for drills: real servers over one shop that keeps a book, and refunds ready to be approved."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.kills import shop
from tests.kills.shop import Book, lost_parcels
from tests.kills.site import small_knowledge
from tests.servers.product import Server, settings
from tests.servers.rest_shop import MAPPING
from tests.servers.rest_shop import SECRET as SHOP_SECRET

from copilot.bootstrap import ingest, open_desk, open_knowledge, open_state
from copilot.cli.keys import create_key
from copilot.config import Settings
from copilot.domain.access import Principal, Role
from copilot.domain.actions import Action
from copilot.tools.ledger import VerifiedLedger, verify_ledger

TENANT = "larkfield"
_ORDERS = 14


@dataclass
class Desk:
    """`servers` share the state; the first does the background's work. `clients` are a representative's."""

    config: dict[str, Any]
    book: Book
    servers: list[Server] = field(default_factory=list)
    clients: list[httpx.AsyncClient] = field(default_factory=list)
    supervisor: httpx.AsyncClient | None = None

    def settings(self, folder: Path | None = None) -> Settings:
        """Those of the first server, unless `folder` is another's."""
        return Settings(**self.config, data_dir=folder or self.servers[0].environment["COPILOT_DATA_DIR"])

    async def serve(self, folder: Path, *, module: str = "copilot.cli", **own: Any) -> Server:
        """One more server, with settings of its own."""
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        server = Server(settings(**self.config, **own, data_dir=folder), module)
        self.servers.append(server)
        await server.start()
        return server

    async def client(self, server: Server, role: str = "representative") -> httpx.AsyncClient:
        key = await create_key(self.settings(), role.capitalize(), Role(role))
        headers = {"Authorization": f"Bearer {key}"}
        client = httpx.AsyncClient(base_url=server.address, headers=headers, timeout=60)
        self.clients.append(client)
        return client

    async def conversation(self, client: httpx.AsyncClient, order: int = 1) -> str:
        """Open, with the customer whose order that is."""
        opening = {
            "channel": "chat",
            "customer_email": shop.email(shop.owner(order)),
            "customer_verified": True,
        }
        made = await client.post("/v1/conversations", json=opening)
        assert made.is_success, made.text
        return made.json()["id"]

    async def proposed(self, client: httpx.AsyncClient, order: int = 1) -> Action:
        """A refund of that order, as another program proposes it."""
        name = await self.conversation(client, order)
        who = Principal(id="crm", tenant_id=TENANT, name="The CRM", role=Role.REPRESENTATIVE)
        dollars = 245 if shop.is_large(order) else 49
        wanted = {"order_id": shop.order_id(order), "amount": str(dollars), "reason": "lost_parcel"}
        async with open_desk(self.settings()) as desk:
            talk = await desk.conversations.get(TENANT, name)
            return await desk.tools.propose(who, talk, "refund_order", wanted)

    async def ledger_holds(self) -> bool:
        async with open_state(self.settings()) as state:
            return isinstance(await verify_ledger(state.ledger, TENANT), VerifiedLedger)

    def made(self, action: Action) -> int:
        """How often the shop refunded under the action's key."""
        return sum(line.made for line in self.book.lines() if line.key == action.call.id)

    def asked(self, action: Action) -> int:
        return sum(not line.made for line in self.book.lines() if line.key == action.call.id)


@asynccontextmanager
async def desk(folder: Path, shop_seconds: float = 0.0, **config: Any) -> AsyncIterator[Desk]:
    """No server runs yet; the policies are in the state that `config` names, or in `folder / "one"`."""
    with lost_parcels(folder, _ORDERS, lambda: shop_seconds) as (shop_url, book):
        secret = folder / "secret"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        knowledge = small_knowledge(folder / "knowledge", playbooks=())
        made = Desk(
            {
                "knowledge_dir": knowledge,
                "secret_file": secret,
                "order_system": f"rest:{MAPPING}",
                "order_system_url": shop_url,
                "order_system_secret": SHOP_SECRET,
                **config,
            },
            book,
        )
        one = made.settings(folder / "one")
        async with open_state(one) as state, open_knowledge(one, state.database) as opened:
            await ingest(one, opened, knowledge, lambda _: None)
        try:
            yield made
        finally:
            for client in made.clients:
                await client.aclose()
            for server in made.servers:
                await server.stop()


async def approve(client: httpx.AsyncClient, action: Action) -> httpx.Response:
    return await client.post(f"/v1/actions/{action.id}/approve", json={"digest": action.digest})


async def status(client: httpx.AsyncClient, action: Action) -> str:
    found = await client.get(f"/v1/actions/{action.id}")
    return found.json().get("status", found.text)


async def until(is_so: Callable[[], Awaitable[bool] | bool], seconds: float) -> float:
    """How long it took."""
    started = time.monotonic()
    while True:
        so = is_so()
        if so if isinstance(so, bool) else await so:
            return time.monotonic() - started
        assert time.monotonic() < started + seconds, f"not within {seconds:g} s"
        await asyncio.sleep(0.02)
