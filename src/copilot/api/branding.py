"""Branding: how the caller's tenant wants the panel to look."""

from fastapi import APIRouter

from copilot.api.access import ConversationReader, ServicesDep
from copilot.api.routing import v1_router
from copilot.domain.branding import Branding

router: APIRouter = v1_router("branding")


@router.get("/branding", operation_id="get_branding")
async def get_branding(principal: ConversationReader, services: ServicesDep) -> Branding:
    """Name, colour and logo; empty where nothing is set."""
    return services.branding.get(principal.tenant_id, Branding())
