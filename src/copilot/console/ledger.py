"""The ledger, newest first, and whether its chain holds."""

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from copilot.console.page import PageDep
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.actions import LedgerEntry
from copilot.domain.errors import LedgerUnreadable
from copilot.tools.ledger import VerifiedLedger, verify_ledger
from copilot.web.shown import shown

router = page_router("ledger", Scope.LEDGER_READ)


@router.get("")
async def list_entries(
    page: PageDep,
    subject: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Of one subject (an action, a suggestion, a document), or all."""

    async def find(after: str | None, limit: int) -> list[LedgerEntry]:
        before = int(after) if after is not None and after.isdecimal() else None
        return await page.services.ledger.page(
            page.tenant_id, before=before, limit=limit, subject_id=subject.strip() or None
        )

    entries, broken = None, ""
    try:
        chosen = {"subject": subject}
        entries = await listed(find, lambda e: str(e.sequence), "/console/ledger", chosen, cursor)
        named = (entry.body.get("conversation_id") for entry in entries.items)
        shown(one for one in named if isinstance(one, str))
    except LedgerUnreadable as error:
        broken = f"Entry {error.sequence}: {error}"
    return page.render("ledger/list.html", entries=entries, broken=broken, subject=subject)


@router.post("/verify")
async def verify(page: PageDep) -> Response:
    """Reads the whole chain."""
    found = await verify_ledger(page.services.ledger, page.tenant_id)
    if page.by_htmx:
        holds = isinstance(found, VerifiedLedger)
        return page.render("ledger/_verified.html", found=found, holds=holds)
    if isinstance(found, VerifiedLedger):
        return page.go("/console/ledger", f"The ledger holds: {found.entries} entries.")
    return page.go("/console/ledger", f"BROKEN at entry {found.sequence}: {found.reason}.")
