"""Who was shown what of customers, newest first."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from copilot.console.page import PageDep
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.errors import InvalidInput
from copilot.domain.reads import Read, ReadFilter

router = page_router("audit", Scope.AUDIT_READ)
Text = Annotated[str, Query(max_length=200)]


@router.get("")
async def list_reads(
    page: PageDep,
    conversation: Text = "",
    actor: Text = "",
    since: Text = "",
    until: Text = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Of one conversation, one person, from day to day (UTC, both in); or all."""
    last = _day(until, "until")
    wanted = ReadFilter(
        conversation_id=conversation.strip() or None,
        actor_id=actor.strip() or None,
        since=_day(since, "since"),
        until=last + timedelta(days=1) if last else None,
    )

    async def find(after: str | None, limit: int) -> list[Read]:
        return await page.services.reads.store.list_reads(page.tenant_id, wanted, after=after, limit=limit)

    chosen = {"conversation": conversation, "actor": actor, "since": since, "until": until}
    return page.render(
        "audit/list.html",
        reads=await listed(find, lambda read: read.id, "/console/audit", chosen, cursor),
        chosen=chosen,
    )


def _day(text: str, name: str) -> datetime | None:
    try:
        day = date.fromisoformat(text) if text else None
        return None if day is None else datetime.combine(day, time(), UTC)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no day.", where=name, hint="Expected 2026-11-23.") from error
