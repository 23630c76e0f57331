"""Suggestions: what became of them."""

from fastapi import APIRouter

from copilot.api.access import ConversationReader, ConversationWriter, ServicesDep
from copilot.api.routing import v1_router
from copilot.api.schemas import GiveFeedback, TransformText
from copilot.domain.assist import Suggestion
from copilot.domain.transforms import Transformed

router: APIRouter = v1_router("suggestions")


@router.post("/suggestions/{suggestion_id}/feedback", status_code=204, operation_id="give_feedback")
async def give_feedback(
    suggestion_id: str, body: GiveFeedback, principal: ConversationWriter, services: ServicesDep
) -> None:
    """Records what the representative did with a suggestion; their last word counts."""
    await services.assist.record_feedback(
        principal, suggestion_id, body.verdict, body.final_text, body.reason
    )


@router.get("/suggestions/{suggestion_id}", operation_id="get_suggestion")
async def get_suggestion(
    suggestion_id: str, principal: ConversationReader, services: ServicesDep
) -> Suggestion:
    """A suggestion as it was shown, also when another one has taken its place (`replaces`)."""
    return await services.conversations.get_suggestion(principal.tenant_id, suggestion_id)


@router.post("/suggestions/{suggestion_id}/restore", operation_id="restore_suggestion")
async def restore_suggestion(
    suggestion_id: str, principal: ConversationWriter, services: ServicesDep
) -> Suggestion:
    """Shows the suggestion again that another one has replaced; 409 when somebody has spoken since."""
    return await services.assist.restore(principal, suggestion_id)


@router.post("/conversations/{conversation_id}/transform", operation_id="transform_text")
async def transform_text(
    conversation_id: str, body: TransformText, principal: ConversationWriter, services: ServicesDep
) -> Transformed:
    """The text or suggestion shorter, friendlier, in another language or in other words.

    Facts stay: a model's words that lose or add one are refused (`meaning_changed`). Without a model
    `translate` and `rewrite` answer `model_needed`.
    """
    return await services.assist.transform(
        principal,
        conversation_id,
        body.how,
        text=body.text,
        suggestion_id=body.suggestion_id,
        language=body.language,
    )
