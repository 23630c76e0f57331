"""The only place where adapters meet the core: settings in, running services out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np  # noqa: F401 - first on the main thread: two threads importing it clash
from sqlalchemy import text

from copilot.adapters.agent_loop import LangChainLoop
from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.classifier_training import LogisticTrainer
from copilot.adapters.clock import SystemClock
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.loaders import loader_for
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.mcp_tools import McpServer
from copilot.adapters.memory_event_bus import MemoryEventBus
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.openai_chat import ChatLimits, OpenAiChat
from copilot.adapters.sentence_transformers import SentenceTransformersEmbedder
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.api_key_store import SqlApiKeyStore, server_secret
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.idempotency_store import SqlIdempotencyStore
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.verification_attempts import SqlVerificationAttempts
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.adapters.yaml_files import load_playbooks, load_policies
from copilot.assist.ask_llm import LlmAnswerer
from copilot.assist.desk import CatalogDesk
from copilot.assist.drafting.llm import DraftStyle, LlmDrafter
from copilot.assist.grounding import Grounder
from copilot.assist.profile import BrandVoice, TenantProfiles
from copilot.assist.service import LiveAssist, LivePorts
from copilot.assist.training import LivePathTrainer
from copilot.config import LlmStyle, Settings
from copilot.domain.asking import AskLimits
from copilot.domain.errors import ConfigurationError, DependencyUnavailable
from copilot.domain.knowledge import SearchQuery
from copilot.order_systems import OpenOrderSystem, open_order_system
from copilot.ports import Embedder, OrderSystem, PassageIndex
from copilot.prompts import render_text
from copilot.retrieval.calibration import Calibration
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Ingestor, IngestProgress, IngestReport
from copilot.retrieval.library import Library
from copilot.retrieval.search import KnowledgeSearch
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import RETAIL_TOOLS, Catalog
from copilot.tools.executor import Executor
from copilot.tools.identity import IdentityGuard
from copilot.tools.limits import Limits, MoneyLimits
from copilot.tools.policy_store import StoredPolicy, load_policy, save_policies
from copilot.tools.recovery import Recovery
from copilot.tools.remote import remote_tools
from copilot.tools.seals import Seals
from copilot.tools.tool import Tool

_log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]
"""Raises when the dependency it stands for is gone."""

VOICES = {"larkfield": BrandVoice(company="Larkfield Home & Outdoor")}


@dataclass(frozen=True)
class State:
    """The SQL side alone: what commands need that neither search nor serve."""

    database: Database
    knowledge: SqlKnowledgeStore
    api_keys: SqlApiKeyStore
    ledger: SqlLedgerStore


@dataclass(frozen=True)
class KnowledgeBase:
    """Search and ingest over one index."""

    store: SqlKnowledgeStore
    search: KnowledgeSearch
    ingestor: Ingestor
    index: PassageIndex
    embedder: Embedder


@dataclass(frozen=True)
class Services:
    """Everything a running server offers; what `api.services.Services` describes."""

    assist: LiveAssist
    conversations: SqlConversationStore
    actions: SqlActionStore
    events: MemoryEventBus
    search: KnowledgeSearch
    documents: SqlKnowledgeStore
    library: Library
    api_keys: SqlApiKeyStore
    idempotency: SqlIdempotencyStore
    clock: SystemClock
    checks: Mapping[str, Check]


@dataclass(frozen=True)
class Desk:
    """Tools and search for another program that speaks for one conversation."""

    tools: CatalogDesk
    search: KnowledgeSearch
    conversations: SqlConversationStore
    api_keys: SqlApiKeyStore


@dataclass(frozen=True)
class _Tools:
    desk: CatalogDesk
    order_system: OpenOrderSystem
    actions: SqlActionStore
    executor: Executor
    attempts: SqlVerificationAttempts


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[State]:
    """Opens the database; several processes may."""
    clock = SystemClock()
    secret = server_secret(settings.secret_path)
    database = await Database.open(settings.database_path)
    try:
        yield State(
            database=database,
            knowledge=SqlKnowledgeStore(database),
            api_keys=SqlApiKeyStore(database, secret, clock),
            ledger=SqlLedgerStore(database),
        )
    finally:
        await database.close()


@asynccontextmanager
async def open_knowledge(settings: Settings, database: Database) -> AsyncIterator[KnowledgeBase]:
    """Opens the index, which one process owns, and mends it where it differs from SQL."""
    async with AsyncExitStack() as stack:
        embedder = _embedder(settings)
        stack.callback(embedder.close)
        index = await ChromaIndex.open(settings.index_dir, embedder.model_id)
        stack.push_async_callback(index.close)
        store = SqlKnowledgeStore(database)
        ingestor = Ingestor(
            store=store,
            index=index,
            embedder=embedder,
            chunker=Chunker(TiktokenCounter(), WordPieceCounter()),
            open_folder=FolderSource,
        )
        await ingestor.heal(settings.tenant)
        yield KnowledgeBase(store, _search(store, index, embedder), ingestor, index, embedder)


@asynccontextmanager
async def open_search(settings: Settings, database: Database) -> AsyncIterator[KnowledgeSearch]:
    """For one question: reads vectors from SQL, so it works beside a server that owns the index."""
    embedder = _embedder(settings)
    try:
        store = SqlKnowledgeStore(database)
        index = InMemoryPassageIndex()
        async for ids, vectors in store.all_vectors(settings.tenant, embedder.model_id):
            await index.upsert(settings.tenant, ids, vectors)
        yield _search(store, index, embedder)
    finally:
        embedder.close()


async def ingest(
    settings: Settings,
    knowledge: KnowledgeBase,
    folder: Path,
    on_progress: Callable[[IngestProgress], None],
    on_stage: Callable[[str], None] = lambda _: None,
) -> IngestReport:
    """Documents, then playbooks and policies where the folder has them; playbooks train the classifiers.

    `on_stage` hears what is being done, for a person to read.
    """
    playbooks = load_playbooks(folder / "playbooks") if (folder / "playbooks").is_dir() else ()
    policies = load_policies(folder / "policies") if (folder / "policies").is_dir() else ()
    on_stage("Reading and embedding documents")
    report = await knowledge.ingestor.ingest_folder(settings.tenant, folder, on_progress)
    if playbooks:
        on_stage("Training the classifiers from the playbooks")
        trainer = LivePathTrainer(LogisticTrainer(), knowledge.embedder, knowledge.store)
        await trainer.prepare(settings.tenant, playbooks)
    if policies:
        on_stage("Checking the policies against their clauses")
        await save_policies(knowledge.store, settings.tenant, policies)
        policy = await load_policy(knowledge.store, settings.tenant, render_text)
        if problems := policy.problems():
            raise ConfigurationError("\n  ".join(["", *problems]), where=str(folder / "policies"))
        flagged = tuple(f"rule {flag.rule}: {flag.why}" for flag in policy.flags())
        report = report.model_copy(update={"needs_review": flagged})
    return report


@asynccontextmanager
async def open_assessor(settings: Settings) -> AsyncIterator[tuple[Assessor, OrderSystem]]:
    """For asking what policy says: the rules and the shop, beside a server or without one."""
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(open_state(settings))
        clock = SystemClock()
        shop = (await stack.enter_async_context(open_order_system(settings, clock))).orders
        policy = StoredPolicy(state.knowledge, settings.tenant, render_text)
        yield Assessor(Catalog(), shop, policy, SqlActionStore(state.database), clock), shop


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Services]:
    """The whole product, ready to serve; on leaving, work under way ends and what was shown is saved."""
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(open_state(settings))
        knowledge = await stack.enter_async_context(open_knowledge(settings, state.database))
        clock, ids = SystemClock(), Uuid7Ids()
        conversations = SqlConversationStore(state.database)
        tools = await _open_tools(settings, state, stack)
        shop = tools.order_system.orders
        events = MemoryEventBus(conversations, clock)
        profiles = TenantProfiles(state.knowledge, shop, voices=VOICES)
        assist = LiveAssist(
            LivePorts(
                store=conversations,
                bus=events,
                knowledge=state.knowledge,
                search=knowledge.search,
                desk=tools.desk,
                orders=shop,
                attempts=tools.attempts,
                ledger=state.ledger,
                embedder=knowledge.embedder,
                clock=clock,
                ids=ids,
            ),
            profiles,
            llm=await stack.enter_async_context(_llm_drafter(settings, knowledge.embedder)),
            llm_seconds=settings.llm_timeout_seconds,
            asker=_asker(settings, knowledge.embedder),
            ask_limits=_ask_limits(settings),
        )
        stack.push_async_callback(assist.shutdown)
        await assist.recover()
        driver = Recovery(tools.executor, tools.actions, clock, assist.show_action)
        stack.push_async_callback(_stopped, asyncio.create_task(driver.run(), name="background driver"))
        # The first customer should not wait for models and caches either.
        await profiles.of(settings.tenant)
        await knowledge.search.search(SearchQuery(tenant_id=settings.tenant, text="warm up"))
        yield Services(
            assist=assist,
            conversations=conversations,
            actions=tools.actions,
            events=events,
            search=knowledge.search,
            documents=state.knowledge,
            library=Library(knowledge.ingestor, state.knowledge, loader_for),
            api_keys=state.api_keys,
            idempotency=SqlIdempotencyStore(state.database),
            clock=clock,
            checks=_checks(settings, state.database, knowledge.index, tools.order_system),
        )


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


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
    return Seals(server_secret(settings.secret_path), earlier=earlier)


def _embedder(settings: Settings) -> MiniLmEmbedder | SentenceTransformersEmbedder:
    if settings.embedding_model == "builtin":
        return MiniLmEmbedder()
    return SentenceTransformersEmbedder(settings.embedding_model)


def chat_model(settings: Settings) -> OpenAiChat | None:
    """The configured language model, to be closed by whoever asked for it; None without one."""
    if settings.llm_base_url is None:
        return None
    return OpenAiChat(
        model=settings.llm_model,
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key.get_secret_value(),
        limits=ChatLimits(first_token=settings.llm_timeout_seconds, total=settings.llm_timeout_seconds),
    )


@asynccontextmanager
async def _llm_drafter(settings: Settings, embedder: Embedder) -> AsyncIterator[LlmDrafter | None]:
    if (model := chat_model(settings)) is None:
        yield None
        return
    await model.load()
    style = DraftStyle(settings.llm_style.value)
    try:
        yield LlmDrafter(model, Grounder(embedder), TiktokenCounter(), style=style)
    finally:
        await model.close()


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Tools and search without the live path; works beside a running server."""
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(open_state(settings))
        search = await stack.enter_async_context(open_search(settings, state.database))
        tools = await _open_tools(settings, state, stack)
        yield Desk(tools.desk, search, SqlConversationStore(state.database), state.api_keys)


async def _open_tools(settings: Settings, state: State, stack: AsyncExitStack) -> _Tools:
    clock, ids = SystemClock(), Uuid7Ids()
    actions = SqlActionStore(state.database)
    order_system = await stack.enter_async_context(open_order_system(settings, clock))
    shop = order_system.orders
    policy = StoredPolicy(state.knowledge, settings.tenant, render_text)
    await policy.engine()  # what cannot be read is said now, not at the first refund
    limits, seals = _limits(settings), approval_seals(settings)
    attempts = SqlVerificationAttempts(state.database)
    guard = IdentityGuard(attempts, clock, ids)
    outside = await _outside_tools(settings, stack)
    assessor = Assessor(Catalog([*RETAIL_TOOLS, *outside]), shop, policy, actions, clock)
    executor = Executor(assessor, shop, actions, clock, ids, limits, seals, identity=guard)
    approvals = Approvals(assessor, actions, state.ledger, clock, ids, limits, seals)
    desk = CatalogDesk(assessor.catalog, approvals, executor, actions)
    return _Tools(desk, order_system, actions, executor, attempts)


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


def _asker(settings: Settings, embedder: Embedder) -> LlmAnswerer | None:
    if settings.llm_base_url is None:
        return None
    loop = LangChainLoop(
        model=settings.llm_model,
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key.get_secret_value(),
        limits=_ask_limits(settings),
        written_calls=settings.llm_style is LlmStyle.STRUCTURED,
    )
    return LlmAnswerer(loop, Grounder(embedder), SystemClock())


def _ask_limits(settings: Settings) -> AskLimits:
    return AskLimits(
        steps=settings.ask_steps, model_calls=settings.ask_steps + 2, seconds=settings.ask_timeout_seconds
    )


def _search(store: SqlKnowledgeStore, index: PassageIndex, embedder: Embedder) -> KnowledgeSearch:
    return KnowledgeSearch(
        store=store, index=index, embedder=embedder, clock=SystemClock(), calibration=Calibration.load()
    )


def _checks(
    settings: Settings, database: Database, index: PassageIndex, order_system: OpenOrderSystem
) -> Mapping[str, Check]:
    async def ask_database() -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def ask_index() -> None:
        await index.count(settings.tenant)

    return {"database": ask_database, "index": ask_index, "shop": order_system.check}
