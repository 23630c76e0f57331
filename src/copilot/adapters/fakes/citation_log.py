"""A CitationLog that reads what a MemoryConversationStore keeps."""

from collections.abc import Iterator
from datetime import datetime

from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.domain.assist import FeedbackVerdict, Suggestion
from copilot.domain.assist_events import KnowledgeEvent
from copilot.domain.conversation import ConversationStatus
from copilot.domain.knowledge import Citation
from copilot.ports import OpenConversation, SentReply


class MemoryCitationLog:
    """Looks through everything each time."""

    def __init__(self, store: MemoryConversationStore) -> None:
        self._store = store

    async def first_conversation_at(self, tenant_id: str) -> datetime | None:
        return min((c.created_at for c, _, _ in self._store.shown(tenant_id)), default=None)

    async def cited_documents(self, tenant_id: str) -> frozenset[str]:
        return frozenset(citation.external_id for _, citation in self._citations(tenant_id))

    async def sent_replies(
        self, tenant_id: str, external_id: str, version: str | None = None, *, limit: int = 100
    ) -> list[SentReply]:
        found = [
            SentReply(suggestion, verdict.verdict, verdict.final_text, verdict.created_at)
            for suggestion in self._store.suggestions(tenant_id)
            if any(_names(citation, external_id, version) for citation in _cited(suggestion))
            for verdict in self._store.feedback.values()
            if verdict.suggestion_id == suggestion.id
            and verdict.verdict in {FeedbackVerdict.USED, FeedbackVerdict.EDITED}
        ]
        return sorted(found, key=lambda reply: (reply.at, reply.suggestion.id), reverse=True)[:limit]

    async def open_conversations(
        self, tenant_id: str, external_id: str, version: str | None = None, *, limit: int = 100
    ) -> list[OpenConversation]:
        citing = {
            identity
            for identity, citation in self._citations(tenant_id)
            if _names(citation, external_id, version)
        }
        found = [
            OpenConversation(
                conversation.model_copy(update={"turns": ()}), snapshot.knowledge, snapshot.suggestion
            )
            for conversation, snapshot, _ in self._store.shown(tenant_id)
            if snapshot is not None
            and conversation.id in citing
            and conversation.status is ConversationStatus.OPEN
        ]
        return sorted(found, key=lambda it: it.conversation.id, reverse=True)[:limit]

    def _citations(self, tenant_id: str) -> Iterator[tuple[str, Citation]]:
        """With the id of the conversation."""
        for suggestion in self._store.suggestions(tenant_id):
            for citation in _cited(suggestion):
                yield suggestion.conversation_id, citation
        for conversation, _, events in self._store.shown(tenant_id):
            for event in events:
                if isinstance(event, KnowledgeEvent):
                    for card in event.data.cards:
                        yield conversation.id, card.citation


def _cited(suggestion: Suggestion) -> Iterator[Citation]:
    return (citation for sentence in suggestion.sentences for citation in sentence.citations)


def _names(citation: Citation, external_id: str, version: str | None) -> bool:
    return citation.external_id == external_id and version in {None, citation.version}
