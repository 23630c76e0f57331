"""Our tools over MCP, spoken to by the SDK's own client over both transports, in a real process."""

import asyncio
import json
import os
import socket
import sys
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from copilot.adapters.clock import SystemClock
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sqlite_shop import SqliteShop
from copilot.bootstrap import ingest, open_knowledge, open_state
from copilot.config import Settings
from copilot.domain.access import Principal, Role
from copilot.domain.actions import ActionStatus, Provenance
from copilot.domain.conversation import Channel, Conversation, Speaker
from copilot.order_systems import seed_shop_once

EMAILS = ("maya.lindqvist@example.com", "tom.okafor@example.com")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return asyncio.run(_prepare(tmp_path_factory.mktemp("mcp")))


async def _prepare(folder):
    """Two conversations with verified customers, an order of each, and keys of two tenants."""
    settings = Settings(data_dir=folder / "data")
    await seed_shop_once(settings)
    shop = await SqliteShop.open(settings.shop_path, SystemClock())
    customers = [await shop.find_customer_by_email(e) for e in EMAILS]
    orders = {c.id: [await shop.get_order(o) for o in c.order_ids] for c in customers}
    await shop.close()
    mine = next(c for c in customers if any(o.refundable.minor > 2_000 for o in orders[c.id]))
    other = next(c for c in customers if c.id != mine.id and c.order_ids)
    async with open_state(settings) as state:
        async with open_knowledge(settings, state.database) as knowledge:
            await ingest(settings, knowledge, settings.knowledge_dir, lambda _: None)
        store, now = SqlConversationStore(state.database), SystemClock().now()
        conversation = Conversation(
            id=Uuid7Ids().new("conv"),
            tenant_id="larkfield",
            channel=Channel.CHAT,
            customer_id=mine.id,
            created_at=now,
            updated_at=now,
        )
        await store.create(conversation)
        await store.append_turn(
            "larkfield",
            conversation.id,
            turn_id="turn_1",
            speaker=Speaker.CUSTOMER,
            text="the box was wet",
            at=now,
        )
        keys = [
            await state.api_keys.create(
                Principal(id="rep", tenant_id=t, name="Rep", role=Role.REPRESENTATIVE)
            )
            for t in ("larkfield", "another")
        ]
    order = next(o for o in orders[mine.id] if o.refundable.minor > 2_000)
    return {
        "data": str(settings.data_dir),
        "conversation": conversation.id,
        "keys": keys,
        "email": mine.email,
        "order": order.id,
        "foreign": other.order_ids[0],
        "foreign_email": other.email,
    }


def _env(desk, key):
    return {**os.environ, "COPILOT_DATA_DIR": desk["data"], "COPILOT_MCP_KEY": key, "PYTHONPATH": "src"}


COMMAND = ["-m", "copilot.cli", "mcp", "--conversation"]


@asynccontextmanager
async def over_stdio(desk, key=None):
    server = StdioServerParameters(
        command=sys.executable,
        args=[*COMMAND, desk["conversation"]],
        env=_env(desk, key or desk["keys"][0]),
    )
    async with Client(server, read_timeout_seconds=30, cache=None) as client:
        yield client


@asynccontextmanager
async def http_server(desk):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND, desk["conversation"], "--http", str(port), env=_env(desk, "")
    )
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    break
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def over_http(desk, key=None):
    async with (
        http_server(desk) as url,
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key or desk['keys'][0]}"}, timeout=20) as http,
        Client(streamable_http_client(url, http_client=http), cache=None) as client,
    ):
        yield client


def said(result):
    return json.loads(result.content[0].text)


@pytest.mark.parametrize("transport", [over_stdio, over_http])
async def test_reads_answer_and_writes_only_propose(desk, transport):
    async with transport(desk) as client:
        tools = {t.name: t for t in (await client.list_tools()).tools}
        assert {"get_order_details", "refund_order", "search_knowledge"} <= tools.keys()
        assert "find_user_id_by_email" not in tools
        for tool in tools.values():
            assert not {"tenant_id", "customer_id", "conversation_id"} & set(
                tool.input_schema.get("properties", {})
            )

        order = said(await client.call_tool("get_order_details", {"order_id": desk["order"]}))["order"]
        assert order["id"] == desk["order"]

        found = said(
            await client.call_tool("search_knowledge", {"query": "how long do I have to return a tent"})
        )
        assert found["answerable"]
        assert "30 days" in json.dumps(found["passages"])
        for filters in ({"tags": ["nothing has this tag"]}, {"locale": "fi"}):
            nothing = await client.call_tool("search_knowledge", {"query": "return a tent", **filters})
            assert not said(nothing)["passages"]
        public = {"query": "returns desk handbook", "audiences": ["public"], "as_of": "2026-11-20"}
        shown = said(await client.call_tool("search_knowledge", public))["passages"]
        assert {passage["audience"] for passage in shown} == {"public"}

        refund = {
            "order_id": desk["order"],
            "amount": "5.00",
            "reason": "goodwill",
            "note": "the box was wet",
        }
        proposal = said(await client.call_tool("refund_order", refund))
        assert proposal["proposed"], proposal
        assert proposal["decision"]["clauses"]

        for name, arguments in (
            ("get_order_details", {"order_id": desk["foreign"]}),
            ("get_user_details", {"user_id": "somebody"}),
            ("find_user_id_by_email", {"email": desk["foreign_email"]}),
            ("no_such_tool", {}),
            ("search_knowledge", {"query": "x" * 5000}),
            ("search_knowledge", {"query": "tent", "tenant_id": "other"}),
            ("search_knowledge", {"query": "tent", "as_of": "soon"}),
        ):
            refused = await client.call_tool(name, arguments)
            assert refused.is_error
            assert desk["foreign_email"] not in refused.content[0].text

    async with open_state(Settings(data_dir=desk["data"])) as state:
        action = await SqlActionStore(state.database).get("larkfield", proposal["action_id"])
    assert action.status is ActionStatus.PROPOSED
    assert action.provenance["amount"] is Provenance.MODEL
    assert action.provenance["note"] is Provenance.CUSTOMER_TEXT
    shop = await SqliteShop.open(Settings(data_dir=desk["data"]).shop_path, SystemClock())
    assert not [r for r in await shop.refunds(desk["order"]) if r.reason == "goodwill"]
    await shop.close()


async def test_over_http_every_request_needs_a_key_of_the_conversations_tenant(desk):
    async with http_server(desk) as url:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic x"}):
            async with httpx2.AsyncClient(headers=headers) as http:
                assert (await http.post(url, json=body)).status_code == 401
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {desk['keys'][1]}"}) as http,
            Client(streamable_http_client(url, http_client=http), cache=None) as client,
        ):
            refused = await client.call_tool("get_user_details", {})
            assert refused.is_error
            assert refused.content[0].text.startswith("not_found")


@pytest.mark.parametrize("key", ["", "cop_wrong"])
async def test_over_stdio_nothing_is_served_without_a_good_key(desk, key):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        desk["conversation"],
        env=_env(desk, key),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode != 0
    assert (out, error[:8]) == (b"", b"copilot:")
