"""What the core needs from the outside, as protocols; adapters implement them, `adapters/fakes` fakes them.

Every method is async unless it is pure and quick. Every row and every query carries the tenant.
Adapters raise `CopilotError`s only: vendor errors are translated once, where they occur.
"""

from copilot.ports.access import (
    ApiKeyStore,
    ConsoleSessions,
    PersonSignIn,
    PersonTokens,
    SignInOffer,
    WidgetTokens,
)
from copilot.ports.actions import ActionStore, IdempotencyStore, LedgerStore, VerificationAttempts
from copilot.ports.archive import ConversationArchive
from copilot.ports.asking import AskLoop, AskTools, RemoteTools
from copilot.ports.basics import Clock, Ids, Vector, Vectors
from copilot.ports.care import CitationLog, GapCentre, GapMember, GapStore, OpenConversation, SentReply
from copilot.ports.conversations import ConversationStore, EventBus
from copilot.ports.feedback import FeedbackStatistics
from copilot.ports.helpdesk import Helpdesk, HelpdeskStore
from copilot.ports.jobs import JobStore, SourceCatalog
from copilot.ports.knowledge import (
    ConditionalSource,
    DocumentLoader,
    DocumentSource,
    KnowledgeStore,
    LookedUp,
    PassageIndex,
    RemoteSource,
    StampedSource,
)
from copilot.ports.limits import RateLimiter
from copilot.ports.looking import ActivityLog, DocumentShelf
from copilot.ports.models import (
    TERM_BUCKETS,
    ChatModel,
    ClassifierTrainer,
    ClassifierWeights,
    Drafter,
    Embedder,
    LanguageDetector,
    LanguageGuess,
    Neighbours,
    QueryRewriter,
    TermWeights,
    TextFeatures,
    TokenCounter,
)
from copilot.ports.privacy import (
    AgedRecords,
    Leases,
    PersonalCopies,
    PersonalDataFinder,
    PersonalRecords,
    PrivacyRequests,
)
from copilot.ports.shop import OrderSystem, OrderSystems
from copilot.ports.usage import UsageStore

__all__ = [
    "TERM_BUCKETS",
    "ActionStore",
    "ActivityLog",
    "AgedRecords",
    "ApiKeyStore",
    "AskLoop",
    "AskTools",
    "ChatModel",
    "CitationLog",
    "ClassifierTrainer",
    "ClassifierWeights",
    "Clock",
    "ConditionalSource",
    "ConsoleSessions",
    "ConversationArchive",
    "ConversationStore",
    "DocumentLoader",
    "DocumentShelf",
    "DocumentSource",
    "Drafter",
    "Embedder",
    "EventBus",
    "FeedbackStatistics",
    "GapCentre",
    "GapMember",
    "GapStore",
    "Helpdesk",
    "HelpdeskStore",
    "IdempotencyStore",
    "Ids",
    "JobStore",
    "KnowledgeStore",
    "LanguageDetector",
    "LanguageGuess",
    "Leases",
    "LedgerStore",
    "LookedUp",
    "Neighbours",
    "OpenConversation",
    "OrderSystem",
    "OrderSystems",
    "PassageIndex",
    "PersonSignIn",
    "PersonTokens",
    "PersonalCopies",
    "PersonalDataFinder",
    "PersonalRecords",
    "PrivacyRequests",
    "QueryRewriter",
    "RateLimiter",
    "RemoteSource",
    "RemoteTools",
    "SentReply",
    "SignInOffer",
    "SourceCatalog",
    "StampedSource",
    "TermWeights",
    "TextFeatures",
    "TokenCounter",
    "UsageStore",
    "Vector",
    "Vectors",
    "VerificationAttempts",
    "WidgetTokens",
]
