"""Turns: what was said."""

from fastapi import APIRouter

from copilot.api.access import ConversationWriter, ServicesDep
from copilot.api.routing import v1_router
from copilot.api.schemas import AddTurn
from copilot.domain.conversation import Turn

router: APIRouter = v1_router("turns")


@router.post("/conversations/{conversation_id}/turns", status_code=202, operation_id="add_turn")
async def add_turn(
    conversation_id: str, body: AddTurn, principal: ConversationWriter, services: ServicesDep
) -> Turn:
    """Adds a turn and answers at once; what it leads to comes as events."""
    return await services.assist.add_turn(principal, conversation_id, body.speaker, body.text)
