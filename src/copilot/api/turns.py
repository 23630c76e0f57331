"""Turns: what was said, what is being said, and what is being typed."""

from typing import Annotated

from fastapi import APIRouter, Header

from copilot.api.access import ConversationWriter, ServicesDep
from copilot.api.routing import v1_router
from copilot.api.schemas import AddTurn, Typing
from copilot.domain.conversation import PartialTurn, Turn

router: APIRouter = v1_router("turns")


@router.post("/conversations/{conversation_id}/turns", status_code=202, operation_id="add_turn")
async def add_turn(
    conversation_id: str,
    body: AddTurn,
    principal: ConversationWriter,
    services: ServicesDep,
    idempotency_key: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Turn | PartialTurn:
    """Adds a turn and answers at once; what it leads to comes as events.

    What is not final makes no turn yet: watchers see it as `turn.partial`, in place of what was heard before.
    """
    if not body.final and body.utterance_id is not None:
        return await services.assist.hear(
            principal, conversation_id, body.speaker, body.text, body.utterance_id
        )
    return await services.assist.add_turn(
        principal,
        conversation_id,
        body.speaker,
        body.text,
        utterance_id=body.utterance_id,
        request=idempotency_key,
    )


@router.post("/conversations/{conversation_id}/typing", status_code=204, operation_id="show_typing")
async def show_typing(
    conversation_id: str, body: Typing, principal: ConversationWriter, services: ServicesDep
) -> None:
    """Takes the unfinished text and answers at once: work on it begins, and shows when the turn arrives.

    Send it whenever the text has changed, two or three times a second at most.
    """
    await services.assist.typing(principal, conversation_id, body.speaker, body.text)
