"""Suggestions: what became of them."""

from fastapi import APIRouter

from copilot.api.access import ConversationWriter, ServicesDep
from copilot.api.routing import v1_router
from copilot.api.schemas import GiveFeedback

router: APIRouter = v1_router("suggestions")


@router.post("/suggestions/{suggestion_id}/feedback", status_code=204, operation_id="give_feedback")
async def give_feedback(
    suggestion_id: str, body: GiveFeedback, principal: ConversationWriter, services: ServicesDep
) -> None:
    """Records what the representative did with a suggestion; their last word counts."""
    await services.assist.record_feedback(
        principal, suggestion_id, body.verdict, body.final_text, body.reason
    )
