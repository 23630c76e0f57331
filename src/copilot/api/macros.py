"""Saved replies: found, and filled for a conversation."""

from typing import Annotated

from fastapi import APIRouter, Query

from copilot.api.access import ConversationReader, ConversationWriter, ServicesDep
from copilot.api.routing import v1_router
from copilot.domain.macro import FilledMacro, FoundMacro

router: APIRouter = v1_router("macros")


@router.get("/macros", operation_id="find_macros")
async def find_macros(
    principal: ConversationReader,
    services: ServicesDep,
    q: Annotated[str, Query(max_length=500, description="What the reply should be about.")] = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[FoundMacro]:
    """Saved replies by meaning and by words, best first; without `q` all of them by title."""
    return await services.assist.find_macros(principal, q, limit)


@router.post("/conversations/{conversation_id}/macros/{macro_id}/fill", operation_id="fill_macro")
async def fill_macro(
    conversation_id: str, macro_id: str, principal: ConversationWriter, services: ServicesDep
) -> FilledMacro:
    """The saved reply with the conversation's facts; 422 names those that it needs and nobody knows."""
    return await services.assist.fill_macro(principal, conversation_id, macro_id)
