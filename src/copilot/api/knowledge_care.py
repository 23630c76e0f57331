"""Looking after knowledge: what is wrong with it, what is missing, and who relied on it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query

from copilot.api.access import KnowledgeReader, KnowledgeWriter, ServicesDep
from copilot.api.knowledge import ExternalId, Version
from copilot.api.paging import Cursor, Limit, page_of
from copilot.api.routing import v1_router
from copilot.api.schemas import ChangeGap, LintState, Page, QuarantineDocument, ReleaseDocument
from copilot.domain.care import GapCluster, GapStatus, Impact, LintCheck
from copilot.domain.errors import NotFound
from copilot.domain.knowledge import KnowledgeDocument
from copilot.web.shown import shown_in

router: APIRouter = v1_router("knowledge")

GapId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]+$", max_length=100)]
Checks = Annotated[list[LintCheck] | None, Query(description="Only these; without it, all.")]
UncitedDays = Annotated[
    int, Query(ge=1, le=3650, description="How old a document is that something should have cited.")
]


@router.post("/knowledge/lint", status_code=202, operation_id="start_lint")
async def start_lint(
    principal: KnowledgeWriter, services: ServicesDep, check: Checks = None, uncited_days: UncitedDays = 30
) -> LintState:
    """Has the knowledge checked in the background, unless it is being checked. Follows no link to the web."""
    run = services.care.lint_runs.start(
        principal.tenant_id, frozenset(check or LintCheck), timedelta(days=uncited_days)
    )
    return LintState.of(run)


@router.get("/knowledge/lint", operation_id="get_lint")
async def get_lint(principal: KnowledgeWriter, services: ServicesDep) -> LintState:
    """What was found wrong with the knowledge, graver things first in each check, and how a new run gets on.

    Of this server, since its start: 404 before the first run.
    """
    run = services.care.lint_runs.last(principal.tenant_id)
    if run is None:
        raise NotFound("the knowledge has not been checked.", hint="POST /v1/knowledge/lint begins it.")
    return LintState.of(run)


@router.delete("/knowledge/lint", status_code=204, operation_id="stop_lint")
async def stop_lint(principal: KnowledgeWriter, services: ServicesDep) -> None:
    """Stops the checks, if they run; what an earlier run found stays."""
    await services.care.lint_runs.stop(principal.tenant_id)


@router.get("/knowledge/gaps", operation_id="list_knowledge_gaps")
async def list_knowledge_gaps(
    principal: KnowledgeReader,
    services: ServicesDep,
    status: GapStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[GapCluster]:
    """Questions that the knowledge base could not answer, like ones together, asked most often first."""

    async def listing(tenant_id: str, *, after: str | None = None, limit: int = 50) -> list[GapCluster]:
        return await services.care.gaps.list_clusters(tenant_id, status=status, after=after, limit=limit)

    return await page_of(listing, principal.tenant_id, cursor, limit)


@router.patch("/knowledge/gaps/{gap_id}", operation_id="change_knowledge_gap")
async def change_knowledge_gap(
    gap_id: GapId, body: ChangeGap, principal: KnowledgeWriter, services: ServicesDep
) -> GapCluster:
    """Says that it is answered, dismissed or open. Asked again in vain, an answered one opens again."""
    gap = await services.care.gaps.set_status(principal.tenant_id, gap_id, body.status, principal.id)
    shown_in([gap])
    return gap


@router.get("/knowledge/documents/{external_id}/impact", operation_id="get_document_impact")
async def get_document_impact(
    external_id: ExternalId,
    principal: KnowledgeWriter,
    services: ServicesDep,
    version: Version = None,
    limit: Limit = 100,
) -> Impact:
    """Replies that cited the document, open conversations that rely on it, and rules that name it."""
    impact = await services.care.impact.of(principal.tenant_id, external_id, version, limit=limit)
    shown_in((*impact.replies, *impact.open_conversations))
    return impact


@router.post("/knowledge/documents/{external_id}/release", operation_id="release_document")
async def release_document(
    external_id: ExternalId,
    body: ReleaseDocument,
    principal: KnowledgeWriter,
    services: ServicesDep,
    version: Version = None,
) -> KnowledgeDocument:
    """Takes that version, or the newest, into search with the text it has; the ledger says who did."""
    return await services.care.quarantine.release(
        principal.tenant_id, external_id, version, by=principal.id, reason=body.reason
    )


@router.post("/knowledge/documents/{external_id}/quarantine", operation_id="quarantine_document")
async def quarantine_document(
    external_id: ExternalId,
    body: QuarantineDocument,
    principal: KnowledgeWriter,
    services: ServicesDep,
    version: Version = None,
) -> KnowledgeDocument:
    """Takes that version, or the newest, out of search until somebody releases it."""
    return await services.care.quarantine.quarantine(
        principal.tenant_id, external_id, version, by=principal.id, reason=body.reason
    )
