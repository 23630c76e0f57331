"""Questions that a representative says nothing answers."""

from copilot.assist.redaction import mask
from copilot.domain.access import Principal
from copilot.domain.knowledge import KnowledgeGap
from copilot.ports import Clock, ConversationStore, Ids, KnowledgeStore


class GapReports:
    """Keeps them with those that the live path finds by itself."""

    def __init__(
        self, conversations: ConversationStore, knowledge: KnowledgeStore, clock: Clock, ids: Ids
    ) -> None:
        self._conversations = conversations
        self._knowledge = knowledge
        self._clock = clock
        self._ids = ids

    async def report(self, principal: Principal, conversation_id: str, question: str) -> None:
        """`NotFound` for another tenant's conversation. Personal data is masked before anything is kept."""
        conversation = await self._conversations.get(principal.tenant_id, conversation_id)
        await self._knowledge.record_gap(
            KnowledgeGap(
                id=self._ids.new("gap"),
                tenant_id=principal.tenant_id,
                question=mask(question),
                conversation_id=conversation.id,
                asked_at=self._clock.now(),
            )
        )
