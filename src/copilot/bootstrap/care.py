"""Looking after knowledge, beside a server or without one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from copilot.adapters.clock import SystemClock
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.sql.citation_log import SqlCitationLog
from copilot.adapters.sql.gap_store import SqlGapStore
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.assist.knowledge_impact import KnowledgeImpact
from copilot.bootstrap.knowledge import knowledge_search, open_knowledge
from copilot.bootstrap.models import open_embedder
from copilot.bootstrap.state import State, open_state
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError
from copilot.ports import Embedder, PassageIndex
from copilot.retrieval.gaps import GapDesk
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.lint.lint import KnowledgeLint
from copilot.retrieval.lint.runs import LintRuns
from copilot.retrieval.quarantine import Quarantine
from copilot.retrieval.search import KnowledgeSearch


@dataclass(frozen=True)
class KnowledgeCare:
    """What `api.services.Care` describes."""

    lint_runs: LintRuns
    gaps: GapDesk
    impact: KnowledgeImpact
    quarantine: Quarantine


@dataclass(frozen=True)
class ReadingCare:
    """The part that changes no knowledge."""

    lint: KnowledgeLint
    gaps: GapDesk


def knowledge_care(
    state: State, index: PassageIndex, embedder: Embedder, search: KnowledgeSearch, ingestor: Ingestor
) -> KnowledgeCare:
    reading = _reading(state, state.knowledge, index, embedder, search)
    return KnowledgeCare(
        lint_runs=LintRuns(reading.lint),
        gaps=reading.gaps,
        impact=knowledge_impact(state),
        quarantine=Quarantine(state.knowledge, ingestor, state.ledger, SystemClock()),
    )


def knowledge_impact(state: State) -> KnowledgeImpact:
    return KnowledgeImpact(state.knowledge, SqlCitationLog(state.database), SystemClock())


@asynccontextmanager
async def open_impact(settings: Settings) -> AsyncIterator[KnowledgeImpact]:
    """SQL alone: neither index nor model."""
    async with open_state(settings) as state:
        yield knowledge_impact(state)


@asynccontextmanager
async def open_quarantine(settings: Settings) -> AsyncIterator[Quarantine]:
    """Owns the index, so not beside a server: that has an address for it."""
    async with open_state(settings) as state, open_knowledge(settings, state.database) as knowledge:
        yield Quarantine(state.knowledge, knowledge.ingestor, state.ledger, SystemClock())


@asynccontextmanager
async def open_reading_care(settings: Settings) -> AsyncIterator[ReadingCare]:
    """On the index where nobody owns it, else on the vectors of SQL: beside a server too."""
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(open_state(settings))
        try:
            knowledge = await stack.enter_async_context(open_knowledge(settings, state.database))
        except ConfigurationError:
            embedder = open_embedder(settings)
            stack.callback(embedder.close)
            index = InMemoryPassageIndex()
            async for names, vectors in state.knowledge.all_vectors(settings.tenant, embedder.model_id):
                await index.upsert(settings.tenant, names, vectors)
            search = knowledge_search(settings, state.knowledge, index, embedder)
            yield _reading(state, state.knowledge, index, embedder, search)
        else:
            yield _reading(state, knowledge.store, knowledge.index, knowledge.embedder, knowledge.search)


def _reading(
    state: State,
    store: SqlKnowledgeStore,
    index: PassageIndex,
    embedder: Embedder,
    search: KnowledgeSearch,
) -> ReadingCare:
    clock = SystemClock()
    return ReadingCare(
        lint=KnowledgeLint(
            store=store,
            index=index,
            embedder=embedder,
            pieces=WordPieceCounter(),
            citations=SqlCitationLog(state.database),
            clock=clock,
        ),
        gaps=GapDesk(
            gaps=SqlGapStore(state.database),
            store=store,
            search=search,
            embedder=embedder,
            clock=clock,
            ids=Uuid7Ids(),
        ),
    )
