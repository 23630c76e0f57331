"""Documents as the index sees them: their versions, passages, and what a change would touch."""

from typing import Annotated

from fastapi import Form, Path, Query
from fastapi.responses import Response

from copilot.console.formats import document_page
from copilot.console.forms import choice, needed
from copilot.console.page import PageDep, needs
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.knowledge import Audience
from copilot.domain.shelf import ShelfEntry, ShelfFilter, ShelfState
from copilot.web.shown import shown_in

router = page_router("documents", Scope.KNOWLEDGE_READ)
writes = [needs(Scope.KNOWLEDGE_WRITE)]

ExternalId = Annotated[str, Path(pattern=r"^[^\x00-\x1f/]+$", max_length=300)]
Version = Annotated[str, Query(max_length=50)]
Text = Annotated[str, Query(max_length=200)]
_PASSAGES = 100


@router.get("")
async def list_documents(
    page: PageDep,
    text: Text = "",
    audience: Text = "",
    state: Text = "",
    product: Text = "",
    source: Text = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
) -> Response:
    """Every version of every document, filtered."""
    wanted = ShelfFilter(
        text=text,
        audience=choice(Audience, audience, "The audience"),
        state=choice(ShelfState, state, "The state"),
        product=product or None,
        source=source or None,
    )
    shelf, today = page.services.shelf, page.clock.now().date()

    async def find(after: str | None, limit: int) -> list[ShelfEntry]:
        return await shelf.find(page.tenant_id, wanted, today, after=after, limit=limit)

    chosen = {"text": text, "audience": audience, "state": state, "product": product, "source": source}
    return page.render(
        "documents/list.html",
        documents=await listed(find, lambda entry: entry.place, "/console/documents", chosen, cursor),
        total=await shelf.count(page.tenant_id, wanted, today),
        chosen=chosen,
        choices=await shelf.choices(page.tenant_id),
        today=today,
        audiences=list(Audience),
        states=list(ShelfState),
    )


@router.get("/{external_id}")
async def show_document(
    page: PageDep, external_id: ExternalId, version: Version = "", start: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """One version, or the newest, with its passages from `start` on."""
    document = await page.services.documents.get_document(page.tenant_id, external_id, version or None)
    passages = await page.services.library.passages(page.tenant_id, external_id, document.version)
    return page.render(
        "documents/show.html",
        document=document,
        versions=await page.services.shelf.versions(page.tenant_id, external_id),
        passages=passages[start : start + _PASSAGES],
        count=len(passages),
        start=start,
        following=start + _PASSAGES if start + _PASSAGES < len(passages) else None,
        tokens=sum(passage.token_count for passage in passages),
        today=page.clock.now().date(),
        may_write=page.principal.may(Scope.KNOWLEDGE_WRITE),
    )


@router.get("/{external_id}/impact", dependencies=writes)
async def show_impact(page: PageDep, external_id: ExternalId, version: Version = "") -> Response:
    """Who relied on it."""
    impact = await page.services.care.impact.of(page.tenant_id, external_id, version or None)
    shown_in((*impact.replies, *impact.open_conversations))
    return page.render(
        "documents/impact.html",
        impact=impact,
        may_look=page.principal.may(Scope.ALERTS_READ),
    )


@router.post("/{external_id}/keep-out", dependencies=writes)
async def keep_out(
    page: PageDep,
    external_id: ExternalId,
    version: Annotated[str, Form(max_length=50)],
    reason: Annotated[str, Form(max_length=1_000)] = "",
) -> Response:
    await page.services.care.quarantine.quarantine(
        page.tenant_id, external_id, version, by=page.principal.id, reason=needed(reason, "The reason")
    )
    return page.go(
        document_page(external_id, version), "It is kept out of search until somebody releases it."
    )


@router.post("/{external_id}/release", dependencies=writes)
async def release(
    page: PageDep,
    external_id: ExternalId,
    version: Annotated[str, Form(max_length=50)],
    reason: Annotated[str, Form(max_length=1_000)] = "",
) -> Response:
    await page.services.care.quarantine.release(
        page.tenant_id, external_id, version, by=page.principal.id, reason=reason.strip()
    )
    return page.go(document_page(external_id, version), "It is in search now.")


@router.post("/{external_id}/remove", dependencies=writes)
async def remove(
    page: PageDep, external_id: ExternalId, version: Annotated[str, Form(max_length=50)]
) -> Response:
    """That version only."""
    await page.services.library.remove(page.tenant_id, external_id, version)
    return page.go("/console/documents", f"Removed {external_id}, version {version}.")
