"""The whole product, ready to serve."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from copilot.adapters.brand_files import read_branding
from copilot.adapters.clock import SystemClock
from copilot.adapters.fast_language import FastLanguageDetector
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.loaders.reading import read_file
from copilot.adapters.memory_event_bus import MemoryEventBus
from copilot.adapters.sources.catalog import FolderCatalog
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.activity import SqlActivityLog
from copilot.adapters.sql.api_key_store import SqlApiKeyStore
from copilot.adapters.sql.console_sessions import SqlConsoleSessions
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.feedback_statistics import SqlFeedbackStatistics
from copilot.adapters.sql.idempotency_store import SqlIdempotencyStore
from copilot.adapters.sql.job_store import SqlJobStore
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.read_store import SqlReadStore
from copilot.adapters.sql.shelf import SqlDocumentShelf
from copilot.adapters.sql.usage_store import SqlUsageStore
from copilot.adapters.widget_tokens import SignedWidgetTokens
from copilot.assist.case_templates import CASE_NOTE, HAND_OVER, CaseTemplates
from copilot.assist.gap_reports import GapReports
from copilot.assist.helpdesk.inbox import HelpdeskInbox
from copilot.assist.helpdesk.links import ConversationLinks
from copilot.assist.live_parts import LivePorts
from copilot.assist.metering import Metering
from copilot.assist.privacy_desk import PrivacyDesk
from copilot.assist.profile import BrandVoice, TenantProfiles
from copilot.assist.quoting import QuoteRanker
from copilot.assist.read_journal import ReadJournal
from copilot.assist.service import LiveAssist
from copilot.assist.silence import Silence, SilenceLimits
from copilot.bootstrap.books import RuleBooks, rule_books
from copilot.bootstrap.care import KnowledgeCare, knowledge_care
from copilot.bootstrap.erasing import eraser, privacy_desk, retention
from copilot.bootstrap.helpdesks import open_helpdesks
from copilot.bootstrap.knowledge import open_knowledge
from copilot.bootstrap.learning import keep_learning, step_learner
from copilot.bootstrap.models import (
    ask_limits,
    llm_answerer,
    llm_choices,
    llm_drafter,
    llm_rewording,
    prompts_of,
)
from copilot.bootstrap.people import person_sign_in, person_tokens, sign_in_offer
from copilot.bootstrap.privacy import name_finder
from copilot.bootstrap.sharing import open_shared
from copilot.bootstrap.state import open_state, secret_of
from copilot.bootstrap.tools import open_tools
from copilot.bootstrap.tracing import open_tracer
from copilot.bootstrap.vitals import Vitals, dependencies, open_vitals
from copilot.config import Settings
from copilot.domain.branding import Branding
from copilot.domain.errors import CopilotError
from copilot.domain.knowledge import SearchQuery
from copilot.ports import Drafter, Embedder, PersonSignIn, PersonTokens, RateLimiter, SignInOffer
from copilot.ports import trace_names as names
from copilot.ports.tasks import ended
from copilot.ports.tracing import SpanKind, Tracer, within
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.jobs import IngestJobs
from copilot.retrieval.library import Library
from copilot.retrieval.search import KnowledgeSearch
from copilot.tools.recovery import Recovery

_log = logging.getLogger(__name__)
_PREPARED_AFTER_SECONDS = 1.0
_MENDED_EVERY_SECONDS = 5.0
_RESUMED_AGAIN_SECONDS = 2.0
VOICES = {"larkfield": BrandVoice(company="Larkfield Home & Outdoor")}


@dataclass(frozen=True)
class Services:
    """Everything a running server offers: to the API as `api.services.Services`, and to the console."""

    assist: LiveAssist
    conversations: SqlConversationStore
    activity: SqlActivityLog
    actions: SqlActionStore
    ledger: SqlLedgerStore
    events: MemoryEventBus
    search: KnowledgeSearch
    documents: SqlKnowledgeStore
    shelf: SqlDocumentShelf
    library: Library
    care: KnowledgeCare
    books: RuleBooks
    jobs: IngestJobs
    sources: FolderCatalog
    api_keys: SqlApiKeyStore
    console_sessions: SqlConsoleSessions
    widget_tokens: SignedWidgetTokens
    links: ConversationLinks
    helpdesks: HelpdeskInbox
    idempotency: SqlIdempotencyStore
    usage: Metering
    reads: ReadJournal
    privacy: PrivacyDesk
    gap_reports: GapReports
    branding: Mapping[str, Branding]
    clock: SystemClock
    rates: RateLimiter
    person_tokens: PersonTokens | None
    person_sign_in: PersonSignIn | None
    sign_in_offer: SignInOffer | None
    tracer: Tracer
    vitals: Vitals


MakeComposer = Callable[[Embedder], Drafter]


@asynccontextmanager
async def running(settings: Settings, make_composer: MakeComposer | None = None) -> AsyncIterator[Services]:
    """The whole product, ready to serve; on leaving, work under way ends and what was shown is saved.

    `make_composer` puts another composer in the place of ours.
    """
    branding = {
        tenant: read_branding(brand.name, brand.accent, brand.logo)
        for tenant, brand in settings.branding.items()
    }
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(open_state(settings))
        provider = person_tokens(settings)
        finder = await stack.enter_async_context(name_finder(settings))
        metering = Metering(SqlUsageStore(state.database), settings.llm_prices)
        stack.push_async_callback(metering.settle)
        knowledge = await stack.enter_async_context(
            open_knowledge(settings, state.database, finder, on_usage=metering.note)
        )
        tracer = open_tracer(settings)
        stack.push_async_callback(tracer.close)
        clock, ids, languages = SystemClock(), Uuid7Ids(), FastLanguageDetector()
        conversations = SqlConversationStore(state.database)
        tools = await open_tools(settings, state, stack)
        shops = tools.order_systems.of_tenants
        shared = await stack.enter_async_context(open_shared(settings, conversations, clock))
        events = shared.events
        reads = ReadJournal(SqlReadStore(state.database), clock, ids)
        stack.push_async_callback(reads.settle)
        feedback = SqlFeedbackStatistics(state.database)
        prompts = prompts_of(settings)
        templates = CaseTemplates(prompts.own(CASE_NOTE), prompts.own(HAND_OVER))
        profiles = TenantProfiles(state.knowledge, shops, voices=VOICES, templates=templates)
        ranker = QuoteRanker(knowledge.embedder)
        chooser, refiner = await stack.enter_async_context(llm_choices(settings, metering.note, finder))
        assist = LiveAssist(
            LivePorts(
                store=conversations,
                bus=events,
                knowledge=state.knowledge,
                search=knowledge.search,
                desk=tools.desk,
                orders=shops,
                attempts=tools.attempts,
                ledger=state.ledger,
                feedback=feedback,
                embedder=knowledge.embedder,
                clock=clock,
                ids=ids,
                languages=languages,
            ),
            profiles,
            ranker=ranker,
            llm=await stack.enter_async_context(
                llm_drafter(settings, knowledge.embedder, metering.note, finder)
            ),
            llm_seconds=settings.llm_timeout_seconds,
            asker=llm_answerer(settings, knowledge.embedder, metering.note, finder),
            ask_limits=ask_limits(settings),
            silence=Silence(feedback, SilenceLimits(cost=settings.interruption_cost)),
            most_waiting=settings.most_waiting_turns,
            chooser=chooser,
            refiner=refiner,
            rewording=await stack.enter_async_context(
                llm_rewording(settings, knowledge.embedder, languages, metering.note, finder)
            ),
            composer=make_composer(knowledge.embedder) if make_composer else None,
        )
        stack.push_async_callback(assist.shutdown)
        driver = Recovery(tools.executor, tools.actions, clock, assist.show_action, tracer=tracer)
        everywhere = eraser(settings, state)
        privacy = privacy_desk(state, everywhere)
        if settings.background_work:
            with within(tracer.start(names.RECOVERY, SpanKind.CONSUMER)):
                await assist.recover()
            retaining = retention(settings, state, everywhere)
            _meanwhile(
                stack,
                {
                    "background driver": driver.run(),
                    "timers": _timers(assist, settings.tenant),
                    "retention": retaining.run(tracer),
                    "erasures": privacy.run(),
                },
            )
        learner = step_learner(state.knowledge, knowledge.embedder)
        _meanwhile(
            stack,
            {
                "learning next steps": keep_learning(learner, settings.tenant, profiles.forget),
                "mending the index": _keep_index_whole(knowledge.ingestor),
                "preparing quotes": _prepare(ranker, state.knowledge, settings.tenant),
            },
        )
        # The first customer should not wait for models and caches either.
        await asyncio.to_thread(languages.load)
        await profiles.of(settings.tenant)
        await knowledge.search.search(SearchQuery(tenant_id=settings.tenant, text="warm up"))
        library = Library(knowledge.ingestor, state.knowledge, knowledge.planner, read_file)
        catalog = FolderCatalog(settings.tenant, settings.source_descriptions, os.environ.get)
        jobs = IngestJobs(
            store=SqlJobStore(state.database),
            catalog=catalog,
            library=library,
            ingestor=knowledge.ingestor,
            planner=knowledge.planner,
            remote=knowledge.remote,
            clock=clock,
            ids=ids,
            tracer=tracer,
        )
        await jobs.start(work=settings.background_work)
        stack.push_async_callback(jobs.stop)
        helpdesks = await open_helpdesks(
            settings, state.database, assist, conversations, events, clock, ids, tracer, stack
        )
        vitals = await stack.enter_async_context(
            open_vitals(
                dependencies(
                    settings, state.database, knowledge.index, knowledge.embedder, tools.order_systems
                )
                + shared.probes,
                knowledge.embedder,
                {
                    "actions": driver.oldest_seconds,
                    "helpdesk_messages": helpdesks.inbox.oldest_seconds,
                    "helpdesk_notes": helpdesks.outbox.oldest_seconds,
                },
                background=settings.background_work,
                queues={"audit": lambda: reads.waiting},
                lost={"audit": lambda: reads.lost},
            )
        )
        care = knowledge_care(
            state, knowledge.index, knowledge.embedder, knowledge.search, knowledge.ingestor
        )
        stack.push_async_callback(care.lint_runs.close)
        yield Services(
            assist=assist,
            conversations=conversations,
            activity=SqlActivityLog(state.database),
            actions=tools.actions,
            ledger=state.ledger,
            events=events,
            search=knowledge.search,
            documents=state.knowledge,
            shelf=SqlDocumentShelf(state.database),
            library=library,
            care=care,
            books=rule_books(settings, state, knowledge.embedder, tools.catalog, profiles.forget),
            jobs=jobs,
            sources=catalog,
            api_keys=state.api_keys,
            console_sessions=SqlConsoleSessions(state.database, secret_of(settings)),
            widget_tokens=SignedWidgetTokens(
                secret_of(settings), clock, timedelta(minutes=settings.widget_token_minutes)
            ),
            links=helpdesks.links,
            helpdesks=helpdesks.inbox,
            idempotency=SqlIdempotencyStore(state.database),
            usage=metering,
            reads=reads,
            privacy=privacy,
            gap_reports=GapReports(conversations, state.knowledge, clock, ids),
            branding=branding,
            clock=clock,
            rates=shared.rates,
            person_tokens=provider,
            person_sign_in=person_sign_in(settings, provider),
            sign_in_offer=sign_in_offer(settings, provider),
            tracer=tracer,
            vitals=vitals,
        )


async def _prepare(ranker: QuoteRanker, knowledge: SqlKnowledgeStore, tenant_id: str) -> None:
    """So that the first drafts need not wait for vectors of the sentences that they choose from."""
    await asyncio.sleep(_PREPARED_AFTER_SECONDS)
    try:
        async for passages in knowledge.all_passages(tenant_id):
            if not await ranker.prepare(passages):
                return
    except CopilotError as error:
        _log.warning("sentences were not prepared: %s", error.code)


async def _keep_index_whole(ingestor: Ingestor) -> None:
    """What was stored while the index was away, it is given as soon as it is back."""
    while True:
        await asyncio.sleep(_MENDED_EVERY_SECONDS)
        with suppress(CopilotError):  # still away, as /readyz says
            if mended := await ingestor.mend():
                _log.info("the index was given %d passages that it had missed", mended)


async def _timers(assist: LiveAssist, tenant_id: str) -> None:
    while True:
        try:
            await assist.nudges.resume(tenant_id)
        except CopilotError as error:
            _log.warning("timers are not set yet: %s", error.code)
            await asyncio.sleep(_RESUMED_AGAIN_SECONDS)
        else:
            return await assist.nudges.run()


def _meanwhile(stack: AsyncExitStack, work: Mapping[str, Coroutine[None, None, None]]) -> None:
    """Until the product stops; by name."""
    for name, each in work.items():
        stack.push_async_callback(ended, asyncio.create_task(each, name=name))
