"""Ingest and search over one index."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.chroma_server import ChromaServerIndex
from copilot.adapters.classifier_training import ExpertTrainer
from copilot.adapters.clock import SystemClock
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.sources.spool import SpooledSource
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.database_url import is_postgres, parse_postgres
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.sql.opening import knowledge_store, need_driver
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.adapters.yaml_files import load_macros, load_playbooks, load_policies
from copilot.assist.macros import save_macros
from copilot.assist.training import LivePathTrainer
from copilot.bootstrap.learning import read_case_templates, save_case_templates, step_learner
from copilot.bootstrap.models import OnUsage, bulk_embedder, ignored_usage, open_embedder, query_rewriter
from copilot.config import BulkEngine, Settings
from copilot.domain.errors import ConfigurationError
from copilot.domain.ingest import IngestProgress, IngestReport
from copilot.ports import DocumentSource, Embedder, PassageIndex, PersonalDataFinder, QueryRewriter
from copilot.prompts import render_text
from copilot.retrieval.calibration import Calibration
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.planning import Planner
from copilot.retrieval.remote import RemoteIngest
from copilot.retrieval.search import KnowledgeSearch
from copilot.tools.policy_store import load_policy, save_policies

if TYPE_CHECKING:
    from copilot.adapters.pgvector_index import PgVectorIndex


@dataclass(frozen=True)
class KnowledgeBase:
    """Search and ingest over one index."""

    store: SqlKnowledgeStore
    search: KnowledgeSearch
    ingestor: Ingestor
    planner: Planner
    remote: RemoteIngest
    index: PassageIndex
    embedder: Embedder


@asynccontextmanager
async def open_knowledge(
    settings: Settings,
    database: Database,
    finder: PersonalDataFinder | None = None,
    *,
    engine: BulkEngine = BulkEngine.LOCAL,
    on_usage: OnUsage = ignored_usage,
) -> AsyncIterator[KnowledgeBase]:
    """Opens the index, which one process owns, and mends it where it differs from SQL.

    `engine` embeds what is ingested; `on_usage` hears what a language model used that rewrote a question.
    """
    async with AsyncExitStack() as stack:
        embedder = open_embedder(settings)
        stack.callback(embedder.close)
        index = await open_index(settings, embedder.model_id)
        stack.push_async_callback(index.close)
        store = knowledge_store(database)
        chunker = Chunker(TiktokenCounter(), WordPieceCounter())
        stack.push_async_callback(store.close)
        bulk, at_once = await stack.enter_async_context(bulk_embedder(settings, embedder, engine))
        ingestor = Ingestor(
            store=store,
            index=index,
            embedder=bulk,
            chunker=chunker,
            open_folder=FolderSource,
            batch_passages=at_once,
        )
        await ingestor.heal(settings.tenant)
        rewriter = await stack.enter_async_context(query_rewriter(settings, on_usage, finder))
        yield KnowledgeBase(
            store,
            knowledge_search(settings, store, index, embedder, rewriter),
            ingestor,
            Planner(store, chunker),
            RemoteIngest(store, SpooledSource.of),
            index,
            embedder,
        )


async def open_index(settings: Settings, model_id: str) -> "ChromaIndex | ChromaServerIndex | PgVectorIndex":
    """Where the settings say; one inside this process has one owner at a time."""
    if settings.vectors_url is None:
        return await ChromaIndex.open(settings.index_dir, model_id)
    if not is_postgres(settings.vectors_url):
        return await ChromaServerIndex.open(settings.vectors_url, model_id)
    return await _open_pgvector(settings.vectors_url, model_id)


async def _open_pgvector(url: str, model_id: str) -> "PgVectorIndex":
    need_driver()
    from copilot.adapters.pgvector_index import PgVectorIndex  # noqa: PLC0415 - an optional extra

    return await PgVectorIndex.open(parse_postgres(url, "COPILOT_INDEX_URL"), model_id)


@asynccontextmanager
async def open_search(settings: Settings, database: Database) -> AsyncIterator[KnowledgeSearch]:
    """For one question: reads vectors from SQL, so it works beside a server that owns the index.

    One in PostgreSQL belongs to nobody in particular and is asked itself.
    """
    embedder = open_embedder(settings)
    try:
        store = knowledge_store(database)
        if is_postgres(settings.vectors_url):
            shared = await open_index(settings, embedder.model_id)
            try:
                yield knowledge_search(settings, store, shared, embedder)
            finally:
                await shared.close()
            return
        index = InMemoryPassageIndex()
        async for ids, vectors in store.all_vectors(settings.tenant, embedder.model_id):
            await index.upsert(settings.tenant, ids, vectors)
        yield knowledge_search(settings, store, index, embedder)
    finally:
        embedder.close()


async def ingest(
    settings: Settings,
    knowledge: KnowledgeBase,
    folder: Path,
    on_progress: Callable[[IngestProgress], None],
    on_stage: Callable[[str], None] = lambda _: None,
    *,
    source: DocumentSource | None = None,
) -> IngestReport:
    """Documents, then playbooks, saved replies and policies where the folder has them.

    Playbooks train the classifiers. `on_stage` hears what is being done, for a person to read; `source` is
    the folder under another name.
    """
    playbooks = load_playbooks(folder / "playbooks") if (folder / "playbooks").is_dir() else ()
    policies = load_policies(folder / "policies") if (folder / "policies").is_dir() else ()
    templates = read_case_templates(folder / "templates")
    macros = load_macros(folder / "macros") if (folder / "macros").is_dir() else ()
    on_stage("Reading and embedding documents")
    source = source or FolderSource(folder)
    report = await knowledge.ingestor.ingest(settings.tenant, source, on_progress)
    if playbooks:
        on_stage("Training the classifiers from the playbooks")
        trainer = LivePathTrainer(ExpertTrainer(), knowledge.embedder, knowledge.store)
        await trainer.prepare(settings.tenant, playbooks)
        on_stage("Learning next steps from finished conversations")
        await step_learner(knowledge.store, knowledge.embedder).learn(settings.tenant)
    await save_case_templates(knowledge.store, settings.tenant, templates)
    if macros:
        await save_macros(knowledge.store, settings.tenant, macros)
    if policies:
        on_stage("Checking the policies against their clauses")
        await save_policies(knowledge.store, settings.tenant, policies)
        policy = await load_policy(knowledge.store, settings.tenant, render_text)
        if problems := policy.problems():
            raise ConfigurationError("\n  ".join(["", *problems]), where=str(folder / "policies"))
        flagged = tuple(f"rule {flag.rule}: {flag.why}" for flag in policy.flags())
        report = report.model_copy(update={"needs_review": flagged})
    return report


def knowledge_search(
    settings: Settings,
    store: SqlKnowledgeStore,
    index: PassageIndex,
    embedder: Embedder,
    rewriter: QueryRewriter | None = None,
) -> KnowledgeSearch:
    calibration = Calibration.load()
    if settings.answer_threshold is not None:
        calibration = calibration.model_copy(update={"threshold": settings.answer_threshold})
    return KnowledgeSearch(
        store=store,
        index=index,
        embedder=embedder,
        clock=SystemClock(),
        calibration=calibration,
        rewriter=rewriter,
    )
