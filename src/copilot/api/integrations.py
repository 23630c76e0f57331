"""Webhooks of helpdesks: signed by them, kept at once, worked on afterwards."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from copilot.api.access import AlertReader, ServicesDep
from copilot.api.routing import v1_router
from copilot.api.schemas import Problem, WebhookTaken
from copilot.domain.helpdesk import IntegrationState

MAX_WEBHOOK_BYTES = 256 * 1024

_PROBLEM = {"model": Problem, "content": {"application/problem+json": {}}}
router: APIRouter = v1_router("integrations")
webhooks: APIRouter = APIRouter(prefix="/v1", tags=["integrations"])
"""Apart, because no API key comes with them."""

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$", examples=["chatwoot"])]


@router.get("/integrations", operation_id="list_integrations")
async def list_integrations(principal: AlertReader, services: ServicesDep) -> list[IntegrationState]:
    """The helpdesks that are connected, and what waits or was given up."""
    return await services.helpdesks.states(principal.tenant_id)


@webhooks.post(
    "/integrations/{name}/webhook",
    status_code=202,
    operation_id="receive_webhook",
    responses={
        401: {**_PROBLEM, "description": "Not signed by the helpdesk, or too long ago"},
        404: {**_PROBLEM, "description": "There is no integration of this name"},
        413: {**_PROBLEM, "description": "The body is too large"},
        422: {**_PROBLEM, "description": "Signed, but not of the helpdesk's published form"},
        503: {**_PROBLEM, "description": "It could not be kept: send it again"},
    },
)
async def receive_webhook(name: Name, request: Request, services: ServicesDep) -> WebhookTaken:
    """Takes in what a helpdesk tells, and answers at once; the same event is taken once.

    No API key: the helpdesk signs the body (`X-Chatwoot-Signature`, `X-Zendesk-Webhook-Signature`).
    """
    body = await request.body()
    return WebhookTaken(new=await services.helpdesks.accept(name, request.headers, body))
