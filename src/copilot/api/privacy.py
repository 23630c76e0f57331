"""Erasure and export of a customer's data: one administrator proposes, another approves."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path

from copilot.api.access import PrivacyManager, ServicesDep
from copilot.api.paging import Cursor, Limit, page_of
from copilot.api.routing import v1_router
from copilot.api.schemas import AskForPrivacy, Page, PrivacyReceipt
from copilot.domain.privacy import PrivacyKind, PrivacyRequest
from copilot.web.shown import shown

router: APIRouter = v1_router("privacy")

RequestId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]+$", max_length=100)]


@router.post("/privacy/{kind}", status_code=202, operation_id="propose_privacy_request")
async def propose_privacy_request(
    kind: PrivacyKind, body: AskForPrivacy, principal: PrivacyManager, services: ServicesDep
) -> PrivacyReceipt:
    """Proposes an erasure or export; nothing is done before somebody else approves it, within seven days."""
    made = await services.privacy.propose(principal, kind, body.customer_id, body.said)
    return PrivacyReceipt.of(made)


@router.get("/privacy/{kind}", operation_id="list_privacy_requests")
async def list_privacy_requests(
    kind: PrivacyKind,
    principal: PrivacyManager,
    services: ServicesDep,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PrivacyRequest]:
    """Newest first."""

    async def listing(
        tenant_id: str,  # noqa: ARG001 - the principal's
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[PrivacyRequest]:
        return await services.privacy.list(principal, kind, after=after, limit=limit)

    return await page_of(listing, principal.tenant_id, cursor, limit)


@router.get("/privacy/{kind}/{request_id}", operation_id="get_privacy_request")
async def get_privacy_request(
    kind: PrivacyKind, request_id: RequestId, principal: PrivacyManager, services: ServicesDep
) -> PrivacyRequest:
    """How it stands; of an erasure that is over, the proof. Of whom it was is forgotten then."""
    return await services.privacy.get(principal, kind, request_id)


@router.post("/privacy/{kind}/{request_id}/approve", operation_id="approve_privacy_request")
async def approve_privacy_request(
    kind: PrivacyKind, request_id: RequestId, principal: PrivacyManager, services: ServicesDep
) -> PrivacyReceipt:
    """Has it done, in the background; not by who proposed it."""
    return PrivacyReceipt.of(await services.privacy.approve(principal, kind, request_id))


@router.post("/privacy/{kind}/{request_id}/reject", operation_id="reject_privacy_request")
async def reject_privacy_request(
    kind: PrivacyKind, request_id: RequestId, principal: PrivacyManager, services: ServicesDep
) -> PrivacyReceipt:
    """Lets it be; who proposed it may take it back so."""
    return PrivacyReceipt.of(await services.privacy.reject(principal, kind, request_id))


@router.get("/privacy/exports/{request_id}/document", operation_id="read_privacy_export")
async def read_privacy_export(
    request_id: RequestId, principal: PrivacyManager, services: ServicesDep
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Every row that is kept, by conversation and table; for a day after the approval. No copy is stored."""
    exported = await services.privacy.document(principal, request_id)
    shown(exported)
    return exported
