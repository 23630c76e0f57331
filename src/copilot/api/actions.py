"""Actions: proposed changes and refunds, and the people who decide on them."""

from fastapi import APIRouter

from copilot.api.access import ActionApprover, ActionReader, ActionSupervisor, ServicesDep
from copilot.api.paging import Cursor, Limit, page_of
from copilot.api.routing import v1_router
from copilot.api.schemas import ApproveAction, EditAction, Page, RejectAction, ResolveAction
from copilot.domain.actions import Action, ActionStatus

router: APIRouter = v1_router("actions")


@router.get("/actions", operation_id="list_waiting_actions")
async def list_waiting_actions(
    principal: ActionReader, services: ServicesDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[Action]:
    """Actions that wait for somebody's decision, oldest first."""
    return await page_of(services.actions.list_waiting, principal.tenant_id, cursor, limit)


@router.get("/actions/{action_id}", operation_id="get_action")
async def get_action(action_id: str, principal: ActionReader, services: ServicesDep) -> Action:
    """The action, with its policy decision, approvals and result."""
    return await services.actions.get(principal.tenant_id, action_id)


@router.post("/actions/{action_id}/approve", operation_id="approve_action")
async def approve_action(
    action_id: str, body: ApproveAction, principal: ActionApprover, services: ServicesDep
) -> Action:
    """Approves exactly what the digest stands for and carries it out, unless a second person must agree."""
    return await services.assist.approve(principal, action_id, body.digest)


@router.post("/actions/{action_id}/reject", operation_id="reject_action")
async def reject_action(
    action_id: str, body: RejectAction, principal: ActionApprover, services: ServicesDep
) -> Action:
    """Rejects the action for good."""
    return await services.assist.reject(principal, action_id, body.reason)


@router.post("/actions/{action_id}/edit", operation_id="edit_action")
async def edit_action(
    action_id: str, body: EditAction, principal: ActionApprover, services: ServicesDep
) -> Action:
    """Replaces the action by a new one with other arguments; answers the new one."""
    return await services.assist.edit(principal, action_id, body.arguments)


@router.post("/actions/{action_id}/resolve", operation_id="resolve_action")
async def resolve_action(
    action_id: str, body: ResolveAction, principal: ActionSupervisor, services: ServicesDep
) -> Action:
    """Closes an action whose outcome is unknown, by what a supervisor has found out.

    The order system is asked once more first: a receipt that turns up wins.
    """
    return await services.assist.resolve(principal, action_id, ActionStatus(body.outcome), body.evidence)
