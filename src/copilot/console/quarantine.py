"""Documents that are kept out of search until a person decides."""

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from copilot.console.page import PageDep
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.shelf import ShelfEntry, ShelfFilter, ShelfState

router = page_router("quarantine", Scope.KNOWLEDGE_WRITE)
_KEPT_OUT = ShelfFilter(state=ShelfState.KEPT_OUT)


@router.get("")
async def list_kept_out(page: PageDep, cursor: Annotated[str, Query(max_length=1_000)] = "") -> Response:
    today = page.clock.now().date()

    async def find(after: str | None, limit: int) -> list[ShelfEntry]:
        return await page.services.shelf.find(page.tenant_id, _KEPT_OUT, today, after=after, limit=limit)

    found = await listed(find, lambda entry: entry.place, "/console/quarantine", {}, cursor)
    return page.render("quarantine/list.html", documents=found)
