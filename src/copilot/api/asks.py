"""Questions that representatives ask the copilot."""

from fastapi import APIRouter

from copilot.api.access import ConversationWriter, ServicesDep
from copilot.api.routing import v1_router
from copilot.api.schemas import AskQuestion
from copilot.domain.asking import AskTicket

router: APIRouter = v1_router("asks")


@router.post("/conversations/{conversation_id}/ask", status_code=202, operation_id="ask_question")
async def ask_question(
    conversation_id: str, body: AskQuestion, principal: ConversationWriter, services: ServicesDep
) -> AskTicket:
    """Takes a question and answers at once; steps and answer come as events `ask.step` and `ask.answered`.

    A newer question, turn or customer cancels it.
    """
    return await services.assist.ask(principal, conversation_id, body.question, body.hint)
