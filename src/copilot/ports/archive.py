"""Looking back on conversations that are over."""

from typing import Protocol

from copilot.domain.archive import FinishedConversation


class ConversationArchive(Protocol):
    """Wrapped-up conversations, for evaluations; nothing is changed."""

    async def finished(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[FinishedConversation]:
        """Oldest first by id, each with its turns; `after` is the id of the last one already seen.

        Of their events, those that say what was said, shown, looked up and done; not the pieces of drafts.
        """
