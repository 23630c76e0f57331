"""Cursor paging: a cursor is the last item's id, wrapped so that nobody builds one by hand."""

from collections.abc import Awaitable, Sequence
from typing import Annotated, Protocol, TypeVar

from fastapi import Query

from copilot.api.schemas import Page
from copilot.domain.actions import Action
from copilot.domain.care import GapCluster
from copilot.domain.conversation import Conversation
from copilot.domain.ingest import IngestJob
from copilot.domain.knowledge import KnowledgeDocument
from copilot.domain.privacy import PrivacyRequest
from copilot.domain.reads import Read
from copilot.domain.signals import Alert
from copilot.web.cursors import decode_cursor, encode_cursor
from copilot.web.shown import shown_in

Limit = Annotated[int, Query(ge=1, le=200, description="At most so many items.")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`next_cursor` of the page before; none for the first.")
]


_Item_co = TypeVar(
    "_Item_co",
    Conversation,
    Action,
    KnowledgeDocument,
    GapCluster,
    IngestJob,
    Alert,
    PrivacyRequest,
    Read,
    covariant=True,
)
_Item = TypeVar(
    "_Item", Conversation, Action, KnowledgeDocument, GapCluster, IngestJob, Alert, PrivacyRequest, Read
)


class _Listing(Protocol[_Item_co]):
    def __call__(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> Awaitable[Sequence[_Item_co]]: ...


async def page_of(listing: _Listing[_Item], tenant_id: str, cursor: str | None, limit: int) -> Page[_Item]:
    """One page, read with one item too many to know whether more follow."""
    found = await listing(tenant_id, after=decode_cursor(cursor), limit=limit + 1)
    items = list(found[:limit])
    shown_in(items)
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(found) > limit else None)
