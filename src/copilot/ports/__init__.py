"""What the core needs from the outside, as protocols; adapters implement them, `adapters/fakes` fakes them.

Every method is async unless it is pure and quick. Every row and every query carries the tenant.
Adapters raise `CopilotError`s only: vendor errors are translated once, where they occur.
"""

from copilot.ports.access import ApiKeyStore
from copilot.ports.actions import ActionStore, IdempotencyStore, LedgerStore, VerificationAttempts
from copilot.ports.archive import ConversationArchive
from copilot.ports.asking import AskLoop, AskTools, RemoteTools
from copilot.ports.basics import Clock, Ids, Vector, Vectors
from copilot.ports.conversations import ConversationStore, EventBus
from copilot.ports.feedback import FeedbackStatistics
from copilot.ports.knowledge import DocumentLoader, DocumentSource, KnowledgeStore, PassageIndex
from copilot.ports.models import (
    ChatModel,
    ClassifierTrainer,
    ClassifierWeights,
    Drafter,
    Embedder,
    TokenCounter,
)
from copilot.ports.shop import OrderSystem

__all__ = [
    "ActionStore",
    "ApiKeyStore",
    "AskLoop",
    "AskTools",
    "ChatModel",
    "ClassifierTrainer",
    "ClassifierWeights",
    "Clock",
    "ConversationArchive",
    "ConversationStore",
    "DocumentLoader",
    "DocumentSource",
    "Drafter",
    "Embedder",
    "EventBus",
    "FeedbackStatistics",
    "IdempotencyStore",
    "Ids",
    "KnowledgeStore",
    "LedgerStore",
    "OrderSystem",
    "PassageIndex",
    "RemoteTools",
    "TokenCounter",
    "Vector",
    "Vectors",
    "VerificationAttempts",
]
