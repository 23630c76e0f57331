"""Looking after knowledge: who was shown what, and what was asked in vain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from copilot.domain.assist import FeedbackVerdict, KnowledgeCards, Suggestion
from copilot.domain.care import GapCluster, GapStatus
from copilot.domain.conversation import Conversation
from copilot.domain.knowledge import KnowledgeGap
from copilot.ports.basics import Vector


@dataclass(frozen=True)
class SentReply:
    """A suggestion that was sent, used or edited; `final_text` is what was sent instead, if that is known."""

    suggestion: Suggestion
    verdict: FeedbackVerdict
    final_text: str | None
    at: datetime


@dataclass(frozen=True)
class OpenConversation:
    """An open conversation, without its turns, and what its panel shows last."""

    conversation: Conversation
    knowledge: KnowledgeCards | None
    suggestion: Suggestion | None


class CitationLog(Protocol):
    """Which conversations cite a document; kept by the ConversationStore as it saves what was shown."""

    async def first_conversation_at(self, tenant_id: str) -> datetime | None: ...

    async def cited_documents(self, tenant_id: str) -> frozenset[str]:
        """External ids of all that a card or a suggestion has ever cited."""

    async def sent_replies(
        self, tenant_id: str, external_id: str, version: str | None = None, *, limit: int = 100
    ) -> list[SentReply]:
        """That cite the document, newest first."""

    async def open_conversations(
        self, tenant_id: str, external_id: str, version: str | None = None, *, limit: int = 100
    ) -> list[OpenConversation]:
        """In which a card or a suggestion has cited the document, newest first."""


@dataclass(frozen=True, eq=False)
class GapCentre:
    """Where a cluster lies: `total` (dimensions,) is the sum of its `count` unit vectors."""

    cluster_id: str
    model_id: str
    total: Vector
    count: int


@dataclass(frozen=True, eq=False)
class GapMember:
    gap: KnowledgeGap
    vector: Vector


class GapStore(Protocol):
    """Questions that nothing answered, sorted into clusters. KnowledgeStore records them."""

    async def unsorted(self, tenant_id: str, *, limit: int = 500) -> list[KnowledgeGap]:
        """Those that are in no cluster yet, oldest first."""

    async def centres(self, tenant_id: str) -> list[GapCentre]: ...

    async def members(self, tenant_id: str, cluster_id: str, model_id: str, *, limit: int) -> list[GapMember]:
        """The newest that this model has embedded, newest first."""

    async def put(self, cluster: GapCluster, centre: GapCentre, added: Sequence[GapMember] = ()) -> None:
        """Saves the cluster as it is now and what was added to it, in one transaction.

        `questions` and `conversation_ids` follow from the members and are not saved.
        """

    async def merge(self, tenant_id: str, gone: str, into: str) -> None:
        """Moves the members of one cluster to the other and deletes it; `put` says what that becomes."""

    async def get(self, tenant_id: str, cluster_id: str) -> GapCluster:
        """`NotFound` when there is none."""

    async def list_clusters(
        self, tenant_id: str, *, status: GapStatus | None = None, after: str | None = None, limit: int = 50
    ) -> list[GapCluster]:
        """Asked most often first; `after` is the id of the last one already seen."""

    async def save(self, cluster: GapCluster) -> None:
        """Its status and what a search for it found; counts are `put`'s."""
