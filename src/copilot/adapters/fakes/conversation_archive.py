"""A ConversationArchive in memory."""

from collections.abc import Sequence

from copilot.domain.archive import FinishedConversation
from copilot.domain.conversation import ConversationStatus


class MemoryConversationArchive:
    """Holds what it is given; for tests."""

    def __init__(self, kept: Sequence[FinishedConversation]) -> None:
        self._kept = sorted(kept, key=lambda one: one.conversation.id)

    async def finished(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[FinishedConversation]:
        return [
            one
            for one in self._kept
            if one.conversation.tenant_id == tenant_id
            and one.conversation.status is ConversationStatus.WRAPPED_UP
            and (after is None or one.conversation.id > after)
        ][:limit]
