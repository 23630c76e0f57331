"""Questions that nothing answered, alike ones together."""

from typing import Annotated

from fastapi import Form, Path, Query
from fastapi.responses import Response

from copilot.console.forms import choice
from copilot.console.page import PageDep
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.care import GapCluster, GapStatus
from copilot.domain.errors import InvalidInput
from copilot.web.shown import shown_in

router = page_router("gaps", Scope.KNOWLEDGE_WRITE)
GapId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)]
_PER_PAGE = 20


@router.get("")
async def list_gaps(
    page: PageDep,
    status: Annotated[str, Query(max_length=20)] = "open",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Asked most often first."""
    wanted = None if status == "all" else choice(GapStatus, status, "The status")

    async def find(after: str | None, limit: int) -> list[GapCluster]:
        return await page.services.care.gaps.list_clusters(
            page.tenant_id, status=wanted, after=after, limit=limit
        )

    found = await listed(find, lambda gap: gap.id, "/console/gaps", {"status": status}, cursor, _PER_PAGE)
    return page.render(
        "gaps/list.html",
        gaps=found,
        chosen=status,
        may_look=page.principal.may(Scope.ALERTS_READ),
    )


@router.post("/{gap_id}")
async def change_gap(
    page: PageDep, gap_id: GapId, status: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """Asked again in vain, an answered one opens again."""
    wanted = choice(GapStatus, status, "The status")
    if wanted is None:
        raise InvalidInput("The status is missing.", hint="Send the form of the page.")
    gap = await page.services.care.gaps.set_status(page.tenant_id, gap_id, wanted, page.principal.id)
    shown_in([gap])
    return page.go("/console/gaps", f"“{gap.question}” is {gap.status.value} now.")
