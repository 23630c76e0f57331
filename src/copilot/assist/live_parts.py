"""The live path's parts, put together over what is outside."""

from dataclasses import dataclass

from copilot.assist.action_desk import ActionDesk
from copilot.assist.ahead import Ahead
from copilot.assist.ask import PlaybookAnswerer
from copilot.assist.ask_llm import LlmAnswerer
from copilot.assist.asks import AskParts, Asks
from copilot.assist.backlog import Backlog, CountedSearch
from copilot.assist.choosing import Chooser
from copilot.assist.closing import Closing
from copilot.assist.collaborators import Searcher, SentenceRanker, ToolDesk
from copilot.assist.drafting.composer import Composer
from copilot.assist.drafts import Drafts
from copilot.assist.feedback import Feedback
from copilot.assist.flow.reading import EpisodeReader
from copilot.assist.identity import IdentityCheck
from copilot.assist.lookups import LookUps
from copilot.assist.macros import SavedReplies
from copilot.assist.next_actions import NextActionPlanner
from copilot.assist.nudges import Nudges
from copilot.assist.pipeline import Pipeline
from copilot.assist.profile import TenantProfiles
from copilot.assist.quoting import QuoteRanker
from copilot.assist.replies import Replies
from copilot.assist.rewording import Rewording
from copilot.assist.silence import Silence
from copilot.assist.summary_refining import SummaryRefiner
from copilot.assist.understanding import Understander
from copilot.assist.verification import Verification
from copilot.assist.watch import Watch
from copilot.assist.workbench import Workbench
from copilot.domain.asking import AskLimits
from copilot.ports import (
    Clock,
    ConversationStore,
    Drafter,
    Embedder,
    EventBus,
    FeedbackStatistics,
    Ids,
    KnowledgeStore,
    LanguageDetector,
    LedgerStore,
    OrderSystems,
    VerificationAttempts,
)
from copilot.tools.identity import IdentityGuard


@dataclass(frozen=True)
class LivePorts:
    """Everything outside that the live path uses."""

    store: ConversationStore
    bus: EventBus
    knowledge: KnowledgeStore
    search: Searcher
    desk: ToolDesk
    orders: OrderSystems
    attempts: VerificationAttempts
    ledger: LedgerStore
    feedback: FeedbackStatistics
    embedder: Embedder
    clock: Clock
    ids: Ids
    languages: LanguageDetector | None = None


@dataclass(frozen=True)
class LiveParts:
    """What the live path is made of."""

    workbench: Workbench
    backlog: Backlog
    verification: Verification
    pipeline: Pipeline
    closing: Closing
    ahead: Ahead
    feedback: Feedback
    actions: ActionDesk
    asks: Asks
    nudges: Nudges
    saved: SavedReplies
    drafts: Drafts


def live_parts(
    ports: LivePorts,
    profiles: TenantProfiles,
    *,
    llm: Drafter | None,
    ranker: SentenceRanker | None,
    llm_seconds: float,
    asker: LlmAnswerer | None,
    ask_limits: AskLimits | None,
    silence: Silence | None,
    ahead: Ahead | None,
    composer: Drafter | None,
    chooser: Chooser | None,
    refiner: SummaryRefiner | None,
    rewording: Rewording | None,
    most_waiting: int,
) -> LiveParts:
    """Defaults stand in for what is None."""
    ranker = ranker or QuoteRanker(ports.embedder)
    silence, ahead = silence or Silence(ports.feedback), ahead or Ahead()
    saved = SavedReplies(ports.embedder)
    workbench = Workbench(ports.store, ports.bus, profiles)
    backlog = Backlog(most_waiting)
    pipeline = Pipeline(
        understander=Understander(ports.embedder, ports.languages),
        watch=Watch(ports.store, ports.clock, ports.ids),
        search=ports.search,
        knowledge=ports.knowledge,
        lookups=LookUps(ports.desk, ports.clock),
        planner=NextActionPlanner(ports.desk, EpisodeReader(ports.embedder)),
        replies=Replies(
            composer or Composer(ranker),
            llm,
            silence,
            saved,
            ports.ledger,
            ports.clock,
            ports.ids,
            llm_seconds=llm_seconds,
        ),
        clock=ports.clock,
        ids=ports.ids,
        backlog=backlog,
        chooser=chooser,
    )
    asks = Asks(
        AskParts(
            tools=ports.desk,
            search=CountedSearch(ports.search, backlog),
            bus=ports.bus,
            clock=ports.clock,
            ids=ports.ids,
            planner=PlaybookAnswerer(ranker, ports.embedder, ports.clock),
            llm=asker,
            limits=ask_limits or AskLimits(),
        )
    )
    verification = Verification(
        IdentityCheck(ports.orders, IdentityGuard(ports.attempts, ports.clock, ports.ids)),
        ports.orders,
        ports.store,
        ports.ledger,
        workbench,
        profiles,
        ports.clock,
    )
    return LiveParts(
        workbench=workbench,
        backlog=backlog,
        verification=verification,
        pipeline=pipeline,
        closing=Closing(ports.clock, chooser=chooser, refiner=refiner),
        ahead=ahead,
        feedback=Feedback(ports.store, ports.ledger, silence, ports.clock),
        actions=ActionDesk(ports.desk, ports.store, workbench, pipeline, ahead, ports.clock),
        asks=asks,
        saved=saved,
        drafts=Drafts(ports.store, ports.ledger, rewording, seconds=llm_seconds),
        nudges=Nudges(ports.store, ports.bus, workbench, pipeline, ahead, ports.clock),
    )
