"""The audit of reads: who was shown what of customers."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from copilot.api.access import AuditReader, ServicesDep
from copilot.api.paging import Cursor, Limit, page_of
from copilot.api.routing import v1_router
from copilot.api.schemas import Page
from copilot.domain.reads import Read, ReadFilter

router: APIRouter = v1_router("audit")

Named = Annotated[str | None, Query(max_length=200)]
Time = Annotated[AwareDatetime | None, Query(description="ISO 8601 with its zone.")]


@router.get("/audit", operation_id="list_reads")
async def list_reads(
    principal: AuditReader,
    services: ServicesDep,
    conversation_id: Named = None,
    actor_id: Named = None,
    since: Time = None,
    until: Time = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Read]:
    """Newest first: ids alone, never what was read. A read is here within a second of its answer."""
    wanted = ReadFilter(conversation_id=conversation_id, actor_id=actor_id, since=since, until=until)

    async def listing(tenant_id: str, *, after: str | None = None, limit: int = 50) -> list[Read]:
        return await services.reads.store.list_reads(tenant_id, wanted, after=after, limit=limit)

    return await page_of(listing, principal.tenant_id, cursor, limit)
