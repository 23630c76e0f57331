"""Erasures and exports of customers' data: what waits for a second person, and what became of the rest."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Form, Path, Query
from fastapi.responses import JSONResponse, Response

from copilot.console.forms import choice, lines, needed
from copilot.console.page import HEADERS, PageDep
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.errors import InvalidInput
from copilot.domain.privacy import PrivacyKind, PrivacyRequest
from copilot.web.shown import shown

router = page_router("privacy", Scope.PRIVACY_MANAGE)
RequestId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]+$", max_length=100)]
_PER_PAGE = 20
_MOST_WORDS = 20


@router.get("")
async def list_requests(page: PageDep, cursor: Annotated[str, Query(max_length=500)] = "") -> Response:
    """Newest first."""

    async def find(after: str | None, limit: int) -> Sequence[PrivacyRequest]:
        return await page.services.privacy.list(page.principal, after=after, limit=limit)

    found = await listed(find, lambda request: request.id, "/console/privacy", {}, cursor, _PER_PAGE)
    return page.render("privacy/list.html", requests=found)


@router.post("")
async def propose(
    page: PageDep,
    kind: Annotated[str, Form(max_length=20)] = "",
    customer: Annotated[str, Form(max_length=200)] = "",
    said: Annotated[str, Form(max_length=5_000)] = "",
) -> Response:
    """`said` is one on each line."""
    wanted = choice(PrivacyKind, kind, "What to do")
    words = lines(said)
    if wanted is None or len(words) > _MOST_WORDS:
        raise InvalidInput("This form is not as expected.", hint=f"At most {_MOST_WORDS} lines.")
    made = await page.services.privacy.propose(
        page.principal, wanted, needed(customer, "The customer's id"), words
    )
    return page.go(
        "/console/privacy",
        f"Proposed, for {made.conversations} conversations. Another administrator approves.",
    )


@router.post("/{kind}/{request_id}/approve")
async def approve(page: PageDep, kind: PrivacyKind, request_id: RequestId) -> Response:
    await page.services.privacy.approve(page.principal, kind, request_id)
    said = "It is done in the background." if kind is PrivacyKind.ERASURES else "It can be read for a day."
    return page.go("/console/privacy", f"Approved. {said}")


@router.post("/{kind}/{request_id}/reject")
async def reject(page: PageDep, kind: PrivacyKind, request_id: RequestId) -> Response:
    await page.services.privacy.reject(page.principal, kind, request_id)
    return page.go("/console/privacy", "Rejected; whom it was about is forgotten.")


@router.get("/exports/{request_id}/document")
async def read_export(page: PageDep, request_id: RequestId) -> Response:
    """As a file."""
    document = await page.services.privacy.document(page.principal, request_id)
    shown(document)
    name = {"Content-Disposition": f'attachment; filename="{request_id}.json"'}
    return JSONResponse(document, headers=HEADERS | name)
