"""What a widget token opens: its own conversation, and what is the same for every conversation."""

from fastapi import Request

from copilot.api.services import Services
from copilot.domain.access import Principal
from copilot.domain.errors import NotFound, NotPermitted

_OF_NO_CONVERSATION = frozenset({"search_knowledge", "find_macros", "get_branding"})
"""Operations that name no conversation and tell nothing of one."""


async def confine(request: Request, principal: Principal, services: Services) -> None:
    """`NotFound` for another conversation, as for another tenant's; `NotPermitted` for what is of none.

    What is not named here is closed to widget tokens: so a new route is closed until somebody thinks of it.
    """
    allowed = principal.conversation_id
    if allowed is None:
        return
    place, tenant_id = request.path_params, principal.tenant_id
    if "conversation_id" in place:
        named = place["conversation_id"]
    elif "suggestion_id" in place:
        named = (
            await services.conversations.get_suggestion(tenant_id, place["suggestion_id"])
        ).conversation_id
    elif "action_id" in place:
        named = (await services.actions.get(tenant_id, place["action_id"])).conversation_id
    elif getattr(request.scope.get("route"), "operation_id", None) in _OF_NO_CONVERSATION:
        return
    else:
        raise NotPermitted(
            "a widget token opens its own conversation and nothing else",
            hint="Use an API key on your server for this.",
        )
    if named != allowed:
        raise NotFound("there is no such conversation for this widget token", hint="Ask for a token for it.")
