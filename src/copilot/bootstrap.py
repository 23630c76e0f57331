"""The only place where adapters meet the core: settings in, running services out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np  # noqa: F401 - first on the main thread: two threads importing it clash

from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.clock import SystemClock
from copilot.adapters.ids import UuidV7Ids
from copilot.adapters.library import Library
from copilot.adapters.memory_event_bus import MemoryEventBus
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.api_key_store import SqlApiKeyStore, server_secret
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.idempotency_store import SqlIdempotencyStore
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sqlite_shop import SqliteShop
from copilot.assist.desk import CatalogDesk
from copilot.assist.profile import BrandVoice, TenantProfiles
from copilot.assist.service import LiveAssist, LivePorts
from copilot.config import Settings
from copilot.policies import stored_policy
from copilot.prompts import render_text
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.search import KnowledgeSearch
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.limits import Limits

if TYPE_CHECKING:
    from copilot.ports import Drafter, Embedder, PassageIndex

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
    embedder: "Embedder"


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
    checks: Mapping[str, "Check"]


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
        knowledge = _knowledge(SqlKnowledgeStore(database), index, embedder)
        await knowledge.ingestor.heal(settings.tenant)
        yield knowledge


@asynccontextmanager
async def open_search(settings: Settings, database: Database) -> AsyncIterator[KnowledgeSearch]:
    """For one question: reads vectors from SQL, so it works beside a server that owns the index."""
    embedder = _embedder(settings)
    try:
        store = SqlKnowledgeStore(database)
        index = ExactIndex()
        async for ids, vectors in store.all_vectors(settings.tenant, embedder.model_id):
            await index.upsert(settings.tenant, ids, vectors)
        yield _search(store, index, embedder)
    finally:
        embedder.close()


async def ingest(
    settings: Settings, knowledge: KnowledgeBase, folder: Path, on_progress: Callable[[IngestProgress], None]
) -> IngestReport:
    """Documents, then playbooks and policies where the folder has them; playbooks train the classifiers."""
    playbooks = load_playbooks(folder / "playbooks") if (folder / "playbooks").is_dir() else ()
    policies = load_policies(folder / "policies") if (folder / "policies").is_dir() else ()
    report = await knowledge.ingestor.ingest_folder(settings.tenant, folder, on_progress)
    if playbooks:
        trainer = LivePathTrainer(SklearnTrainer(), knowledge.embedder, knowledge.store)
        await trainer.prepare(settings.tenant, playbooks)
    if policies:
        await save_policies(knowledge.store, settings.tenant, policies)
        _require_clauses(await load_policy(knowledge.store, settings.tenant, render_text))
    return report


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Services]:
    """The whole product, ready to serve; on leaving, work under way ends and what was shown is saved."""
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(open_state(settings))
        knowledge = await stack.enter_async_context(open_knowledge(settings, state.database))
        clock, ids = SystemClock(), UuidV7Ids()
        conversations = SqlConversationStore(state.database)
        actions = SqlActionStore(state.database)
        shop = await SqliteShop.open(settings.shop_path, clock)
        stack.push_async_callback(shop.close)
        policy = await load_policy(state.knowledge, settings.tenant, render_text)
        limits = Limits(proposal_holds=timedelta(minutes=settings.proposal_minutes))
        assessor = Assessor(Catalog(), shop, policy, actions, clock)
        executor = Executor(assessor, shop, actions, clock, ids, limits)
        approvals = Approvals(assessor, actions, state.ledger, clock, ids, limits)
        events = MemoryEventBus(conversations, clock)
        assist = LiveAssist(
            LivePorts(
                store=conversations,
                bus=events,
                knowledge=state.knowledge,
                search=knowledge.search,
                desk=CatalogDesk(assessor.catalog, approvals, executor, actions),
                orders=shop,
                ledger=state.ledger,
                embedder=knowledge.embedder,
                clock=clock,
                ids=ids,
            ),
            TenantProfiles(state.knowledge, shop, voices=VOICES),
            llm=_llm_drafter(settings, knowledge.embedder),
            llm_seconds=settings.llm_timeout_seconds,
        )
        stack.push_async_callback(assist.shutdown)
        await assist.recover()
        yield Services(
            assist=assist,
            conversations=conversations,
            actions=actions,
            events=events,
            search=knowledge.search,
            documents=state.knowledge,
            library=Library(knowledge.ingestor, state.knowledge, loader_for),
            api_keys=state.api_keys,
            idempotency=SqlIdempotencyStore(state.database),
            clock=clock,
            checks={"database": state.database.ping, "index": knowledge.ping, "shop": shop.ping},
        )


def _embedder(settings: Settings) -> "MiniLmEmbedder | SentenceTransformersEmbedder":
    if settings.embedding_model == "builtin":
        return MiniLmEmbedder()
    return SentenceTransformersEmbedder(settings.embedding_model)


def _llm_drafter(settings: Settings, embedder: "Embedder") -> LlmDrafter | None:
    if settings.llm_base_url is None:
        return None
    model = OpenAiChat(
        model=settings.llm_model,
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key.get_secret_value(),
    )
    style = DraftStyle(settings.llm_style.value)
    return LlmDrafter(model, Grounder(embedder), TiktokenCounter(), style=style)
