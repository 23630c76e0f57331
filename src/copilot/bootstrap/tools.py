"""Orders, policies, approvals and the executor."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from copilot.adapters.clock import SystemClock
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.mcp_tools import McpServer
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.api_key_store import SqlApiKeyStore, server_secret
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.read_store import SqlReadStore
from copilot.adapters.sql.verification_attempts import SqlVerificationAttempts
from copilot.assist.desk import CatalogDesk
from copilot.assist.read_journal import ReadJournal
from copilot.bootstrap.knowledge import open_search
from copilot.bootstrap.sharing import open_rates
from copilot.bootstrap.state import State, open_state, secret_of
from copilot.config import Settings
from copilot.domain.errors import DependencyUnavailable
from copilot.order_systems import OpenOrderSystems, open_order_systems
from copilot.ports import OrderSystem, RateLimiter
from copilot.prompts import render_text
from copilot.retrieval.search import KnowledgeSearch
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import RETAIL_TOOLS, Catalog
from copilot.tools.executor import Executor
from copilot.tools.identity import IdentityGuard
from copilot.tools.limits import Limits, MoneyLimits
from copilot.tools.policy_store import StoredPolicies
from copilot.tools.remote import remote_tools
from copilot.tools.seals import Seals
from copilot.tools.tool import Tool

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    """Tools and search for another program that speaks for one conversation."""

    tools: CatalogDesk
    search: KnowledgeSearch
    conversations: SqlConversationStore
    api_keys: SqlApiKeyStore
    reads: ReadJournal
    rates: RateLimiter


@dataclass(frozen=True)
class Tools:
    catalog: Catalog
    desk: CatalogDesk
    order_systems: OpenOrderSystems
    actions: SqlActionStore
    executor: Executor
    attempts: SqlVerificationAttempts


@asynccontextmanager
async def open_assessor(settings: Settings) -> AsyncIterator[tuple[Assessor, OrderSystem]]:
    """For asking what policy says: the rules and the shop, beside a server or without one."""
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(open_state(settings))
        clock = SystemClock()
        shops = (await stack.enter_async_context(open_order_systems(settings, clock))).of_tenants
        policies = StoredPolicies(state.knowledge, render_text)
        assessor = Assessor(Catalog(), shops, policies, SqlActionStore(state.database), clock)
        yield assessor, shops.of(settings.tenant)


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Tools and search without the live path; works beside a running server."""
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(open_state(settings))
        search = await stack.enter_async_context(open_search(settings, state.database))
        tools = await open_tools(settings, state, stack)
        reads = ReadJournal(SqlReadStore(state.database), SystemClock(), Uuid7Ids())
        stack.push_async_callback(reads.settle)
        conversations = SqlConversationStore(state.database)
        rates = await stack.enter_async_context(open_rates(settings))
        yield Desk(tools.desk, search, conversations, state.api_keys, reads, rates)


async def open_tools(settings: Settings, state: State, stack: AsyncExitStack) -> Tools:
    clock, ids = SystemClock(), Uuid7Ids()
    actions = SqlActionStore(state.database)
    order_systems = await stack.enter_async_context(open_order_systems(settings, clock))
    shops = order_systems.of_tenants
    policies = StoredPolicies(state.knowledge, render_text)
    await policies.engine(settings.tenant)  # what cannot be read is said now, not at the first refund
    limits, seals = _limits(settings), approval_seals(settings)
    attempts = SqlVerificationAttempts(state.database)
    guard = IdentityGuard(attempts, clock, ids)
    outside = await _outside_tools(settings, stack)
    assessor = Assessor(Catalog([*RETAIL_TOOLS, *outside]), shops, policies, actions, clock)
    executor = Executor(assessor, shops, actions, clock, ids, limits, seals, identity=guard)
    approvals = Approvals(assessor, actions, state.ledger, clock, ids, limits, seals)
    desk = CatalogDesk(assessor.catalog, approvals, executor, actions)
    return Tools(assessor.catalog, desk, order_systems, actions, executor, attempts)


async def _outside_tools(settings: Settings, stack: AsyncExitStack) -> list[Tool]:
    """Of every MCP server that answers; one that does not costs its own tools only."""
    found: list[Tool] = []
    for its in settings.mcp_servers:
        server = McpServer(
            its.name,
            command=its.command,
            url=its.url,
            token=its.token.get_secret_value() if its.token else None,
            effects=its.effects,
            seconds=its.timeout_seconds,
        )
        stack.push_async_callback(server.close)
        try:
            found += remote_tools(server, await server.list_tools())
        except DependencyUnavailable as error:
            _log.warning("%s", error)
    return found


def _limits(settings: Settings) -> Limits:
    money = MoneyLimits(
        per_call=settings.money_per_call,
        per_representative_per_day=settings.money_per_representative_per_day,
        per_day=settings.money_per_day,
    )
    return Limits(proposal_holds=timedelta(minutes=settings.proposal_minutes), money=money)


def approval_seals(settings: Settings) -> Seals:
    """Sealing with the server secret; seals made with `secret.previous`, if that is there, still hold."""
    previous = settings.secret_path.with_name(f"{settings.secret_path.name}.previous")
    earlier = [server_secret(previous)] if previous.is_file() else []
    return Seals(secret_of(settings), earlier=earlier)
