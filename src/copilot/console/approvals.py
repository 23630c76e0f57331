"""Actions that wait for people: what they would do, what policy says, and who has agreed."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Form, Path, Query
from fastapi.responses import Response

from copilot.console.forms import needed
from copilot.console.page import PageDep
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Principal, Scope
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.value import Value

router = page_router("approvals", Scope.ACTIONS_APPROVE_ABOVE_LIMIT)
ActionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)]
_PER_PAGE = 25
_SAID = {
    ActionStatus.AWAITING_SECOND_APPROVAL: "You have approved it. A second person must agree first.",
    ActionStatus.SUCCEEDED: "Approved and done.",
    ActionStatus.FAILED: "Approved, but the order system refused it.",
    ActionStatus.UNRESOLVED: "Approved; what became of it is not known yet. It is being looked into.",
}


class Waiting(Value):
    """An action with whether this person may approve it; `why_not` says why they may not."""

    action: Action
    second: bool
    why_not: str

    @classmethod
    def of(cls, action: Action, principal: Principal, now: datetime) -> Self:
        if now >= action.expires_at:
            why_not = "The proposal has expired."
        elif any(approval.approver_id == principal.id for approval in action.approvals):
            why_not = "You have approved this already: a second person must."
        else:
            why_not = ""
        return cls(
            action=action, second=action.status is ActionStatus.AWAITING_SECOND_APPROVAL, why_not=why_not
        )


@router.get("")
async def list_waiting(page: PageDep, cursor: Annotated[str, Query(max_length=500)] = "") -> Response:
    """Oldest first."""

    async def find(after: str | None, limit: int) -> list[Action]:
        return await page.services.actions.list_waiting(page.tenant_id, after=after, limit=limit)

    found = await listed(find, lambda action: action.id, "/console/approvals", {}, cursor, _PER_PAGE)
    if page.by_htmx:
        return page.render("approvals/_count.html", ids=[action.id for action in found.items])
    now = page.clock.now()
    return page.render(
        "approvals/list.html",
        waiting=[Waiting.of(action, page.principal, now) for action in found.items],
        ids=[action.id for action in found.items],
        more=found.more,
    )


@router.post("/{action_id}/approve")
async def approve(
    page: PageDep, action_id: ActionId, digest: Annotated[str, Form(max_length=100)]
) -> Response:
    """Exactly what the digest stands for: the call as this person was shown it."""
    action = await page.services.assist.approve(page.principal, action_id, digest)
    said = _SAID.get(action.status, f"It is {action.status.value.replace('_', ' ')} now.")
    failed = f" {action.result.error}" if action.result and action.result.error else ""
    return page.go("/console/approvals", f"{action.preview}: {said}{failed}")


@router.post("/{action_id}/reject")
async def reject(
    page: PageDep, action_id: ActionId, reason: Annotated[str, Form(max_length=1_000)] = ""
) -> Response:
    action = await page.services.assist.reject(page.principal, action_id, needed(reason, "The reason"))
    return page.go("/console/approvals", f"{action.preview}: rejected.")
