"""Looking through what is kept, for people: documents on the shelf, and how suggestions fare."""

from datetime import date, datetime
from typing import Protocol

from copilot.domain.activity import Adoption, Wait
from copilot.domain.shelf import ShelfEntry, ShelfFilter


class DocumentShelf(Protocol):
    """Documents without their texts; KnowledgeStore keeps them."""

    async def find(
        self, tenant_id: str, wanted: ShelfFilter, day: date, *, after: str | None = None, limit: int = 50
    ) -> list[ShelfEntry]:
        """By external id and version; `after` is the `place` of the last one already seen."""

    async def count(self, tenant_id: str, wanted: ShelfFilter, day: date) -> int: ...

    async def versions(self, tenant_id: str, external_id: str) -> list[ShelfEntry]:
        """All versions of one document, the last to come into force first; empty when there is none."""

    async def choices(self, tenant_id: str) -> dict[str, list[str]]:
        """Values there are of `product` and `source`, for choosing from."""


class ActivityLog(Protocol):
    """What ConversationStore and FeedbackStatistics have kept, counted."""

    async def adoption(self, tenant_id: str, since: datetime, until: datetime) -> list[Adoption]:
        """Of suggestions shown from `since` to before `until`, by intent, most shown first.

        One that another has replaced before anybody judged it does not count.
        """

    async def waits(self, tenant_id: str, since: datetime, until: datetime) -> list[Wait]:
        """Of customers' turns in that span which got a suggestion, in no order."""
