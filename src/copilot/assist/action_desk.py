"""What people decide about proposed actions, and the panel brought up to date after it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from copilot.assist.ahead import Ahead
from copilot.assist.collaborators import ToolDesk
from copilot.assist.pipeline import Pipeline
from copilot.assist.workbench import Workbench
from copilot.domain.access import Principal, Role
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.conversation import ConversationStatus
from copilot.ports import Clock, ConversationStore
from copilot.ports import trace_names as names
from copilot.ports.tracing import Attributes, Span, span


class ActionDesk:
    """Approvals, refusals, edits and resolutions, each shown in its conversation."""

    def __init__(
        self,
        desk: ToolDesk,
        store: ConversationStore,
        workbench: Workbench,
        pipeline: Pipeline,
        ahead: Ahead,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._store = store
        self._workbench = workbench
        self._pipeline = pipeline
        self._ahead = ahead

    async def approve(self, principal: Principal, action_id: str, digest: str) -> Action:
        """One person's consent to what `digest` says; carried out unless a second person has to agree."""
        with span(names.APPROVAL, attributes=_decision("approved", action_id)) as decision:
            return await self._approve(principal, action_id, digest, decision)

    async def _approve(self, principal: Principal, action_id: str, digest: str, decision: Span) -> Action:
        approved = await self._desk.approve(principal, action_id, digest)
        decision.set(_waited(approved, self._clock.now()))
        await self._show(principal, approved, refresh=False)
        if approved.status is not ActionStatus.APPROVED:
            await self._show(principal, approved)
            return approved
        done = await self._desk.execute(principal, action_id)
        await self._show(principal, done)
        return done

    async def reject(self, principal: Principal, action_id: str, reason: str) -> Action:
        with span(names.APPROVAL, attributes=_decision("rejected", action_id)) as decision:
            action = await self._desk.reject(principal, action_id, reason)
            decision.set(_waited(action, self._clock.now()))
            await self._show(principal, action)
        return action

    async def edit(self, principal: Principal, action_id: str, arguments: Mapping[str, Any]) -> Action:
        """The proposal that replaces it, decided by policy anew and open for approval."""
        with span(names.APPROVAL, attributes=_decision("edited", action_id)):
            action = await self._desk.edit(principal, action_id, arguments)
            await self._show(principal, action)
        return action

    async def resolve(
        self, principal: Principal, action_id: str, outcome: ActionStatus, evidence: str
    ) -> Action:
        """A supervisor says what became of an action whose outcome nobody knew."""
        action = await self._desk.resolve(principal, action_id, outcome, evidence)
        await self._show(principal, action)
        return action

    async def recover(self) -> list[Action]:
        """After a start: drives on what was approved or under way when the process before this one ended."""
        return await self._desk.recover()

    async def show(self, action: Action) -> None:
        """Tells the panel of an action that has changed without anybody's request."""
        driver = Principal(id="system", tenant_id=action.tenant_id, name="System", role=Role.REPRESENTATIVE)
        await self._show(driver, action)

    async def _show(self, principal: Principal, action: Action, *, refresh: bool = True) -> None:
        """Tells the panel, and brings the order, next actions and summary up to date."""
        async with self._workbench.lock(action.conversation_id):
            self._ahead.drop(action.conversation_id)
            conversation = await self._store.get(principal.tenant_id, action.conversation_id)
            revision = await self._workbench.revision(principal, conversation)
            revision.memory.actions = tuple(await self._desk.actions(conversation))
            await revision.publish(action)
            if refresh and conversation.status is ConversationStatus.OPEN:
                await self._pipeline.after_action(revision)


def _decision(kind: str, action_id: str) -> Attributes:
    return {names.DECISION: kind, names.ACTION: action_id}


def _waited(action: Action, now: datetime) -> Attributes:
    """How long people took, of a decision that nobody else has to make as well."""
    if action.status is ActionStatus.AWAITING_SECOND_APPROVAL:
        return {names.ACTION_STATUS: action.status.value}
    waited = max(0.0, (now - action.proposed_at).total_seconds())
    return {names.ACTION_STATUS: action.status.value, names.APPROVAL_WAIT: waited}
