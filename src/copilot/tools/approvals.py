"""Proposals and the people who decide them: every consent is sealed to exactly one call."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from copilot.domain.access import Principal, Scope, require
from copilot.domain.actions import (
    Action,
    ActionStatus,
    Approval,
    PolicyOutcome,
    Provenance,
    ToolCall,
    ToolResult,
)
from copilot.domain.errors import (
    ActionNotOpen,
    Conflict,
    InvalidInput,
    PolicyDenied,
    SealBroken,
    SecondApproverNeeded,
)
from copilot.ports import ActionStore, Clock, Ids, LedgerStore
from copilot.ports import trace_names as names
from copilot.ports.tracing import span, traceparent
from copilot.tools import records
from copilot.tools.assessment import Assessment, Assessor
from copilot.tools.limits import Limits
from copilot.tools.seals import Seals
from copilot.tools.tool import Session

_WAITING = (ActionStatus.PROPOSED, ActionStatus.AWAITING_SECOND_APPROVAL)


class Approvals:
    """Nothing here calls the order system to change it: that is the executor's."""

    def __init__(
        self,
        assessor: Assessor,
        store: ActionStore,
        ledger: LedgerStore,
        clock: Clock,
        ids: Ids,
        limits: Limits,
        seals: Seals,
    ) -> None:
        self._assessor = assessor
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._seals = seals

    async def assess(self, session: Session, tool: str, arguments: Mapping[str, Any]) -> Assessment:
        """What the call would do and what policy says, for display; nothing is proposed."""
        return await self._assessor.assess(session, tool, arguments)

    async def propose(
        self,
        session: Session,
        tool: str,
        arguments: Mapping[str, Any],
        revision: int,
        provenance: Mapping[str, Provenance] | None = None,
    ) -> Action:
        """The new proposal, or the open one that would do the same.

        `provenance` says of arguments where they came from. `PolicyDenied`, with the decision, for what
        no person may approve; `LimitReached` for more money than one call may ever move.
        """
        with span(names.PROPOSAL, attributes={names.TOOL_NAME: tool}):
            assessment = await self._assessor.assess(session, tool, arguments)
            await self._refuse_denied(session, assessment)
            self._limits.money.refuse_call(assessment.tool.effect, assessment.plan.amount)
            action = self._action(session, assessment, revision, provenance or {})
            return await self._add(action, proposed_by=session.principal)

    async def approve(self, principal: Principal, action_id: str, digest: str) -> Action:
        """`digest` is that of the action as the approver was shown it.

        What policy leaves to a supervisor needs two different people, the second with the scope
        `actions:approve_above_limit`. Returns the action, approved or awaiting its second approval.
        """
        require(principal, Scope.ACTIONS_APPROVE)
        action = await self._open(principal, action_id)
        if not _same(digest, action.digest) or not _same(action.digest, action.compute_digest()):
            await self._ledger.append(
                action.tenant_id, records.refused(action, principal, "another digest", self._clock.now())
            )
            raise SealBroken(
                "This is not the call that was shown to you.", hint="Look at the action again, then decide."
            )
        self._refuse_same_or_lesser_approver(principal, action)
        await self._refuse_forged_first_approval(principal, action)
        approved = self._with_approval(action, principal)
        record = records.approval(approved, approved.approvals[-1])
        await self._store.replace(approved, record, expected=action.status)
        return approved

    async def reject(self, principal: Principal, action_id: str, reason: str) -> Action:
        require(principal, Scope.ACTIONS_APPROVE)
        action = await self._open(principal, action_id)
        rejected = action.model_copy(update={"status": ActionStatus.REJECTED, "rejected_reason": reason})
        await self._store.replace(
            rejected, records.rejection(rejected, principal, self._clock.now()), expected=action.status
        )
        return rejected

    async def edit(self, principal: Principal, action_id: str, arguments: Mapping[str, Any]) -> Action:
        """A new proposal with its own seal and a fresh decision; the old one is superseded.

        What policy denies leaves the old one as it was.
        """
        require(principal, Scope.ACTIONS_APPROVE)
        old = await self._open(principal, action_id)
        session = Session(
            tenant_id=old.tenant_id,
            conversation_id=old.conversation_id,
            customer_id=old.customer_id,
            principal=principal,
        )
        assessment = await self._assessor.assess(session, old.call.tool, arguments)
        await self._refuse_denied(session, assessment)
        self._limits.money.refuse_call(assessment.tool.effect, assessment.plan.amount)
        provenance = _edited(old, assessment.arguments)
        new = self._action(session, assessment, old.revision, provenance).model_copy(
            update={"replaces": old.id}
        )
        return await self._supersede(old, new, principal)

    async def resolve(
        self, principal: Principal, action_id: str, outcome: ActionStatus, evidence: str
    ) -> Action:
        """Closes an unresolved action by hand, as SUCCEEDED or FAILED; for a supervisor, with evidence.

        `evidence` says how they know: a refund's number at the provider, a statement. It ends nothing that
        has an end. FAILED frees the same call to be proposed again, under another key.
        """
        require(principal, Scope.ACTIONS_APPROVE_ABOVE_LIMIT)
        if outcome not in (ActionStatus.SUCCEEDED, ActionStatus.FAILED):
            raise InvalidInput("An action ends as succeeded or failed.", where="outcome")
        if not evidence.strip():
            raise InvalidInput("Say how you know what happened.", where="evidence")
        action = await self._store.get(principal.tenant_id, action_id)
        if action.status is not ActionStatus.UNRESOLVED:
            raise ActionNotOpen(
                f"The action is {action.status.value}.", hint="Only an unresolved action is closed by hand."
            )
        now = self._clock.now()
        done = outcome is ActionStatus.SUCCEEDED
        result = ToolResult(
            call=action.call,
            ok=done,
            data={"resolved_by": principal.id, "evidence": evidence},
            error=None if done else f"Closed by {principal.name}: {evidence}",
            created_at=now,
        )
        closed = action.model_copy(update={"status": outcome, "result": result, "parked": False})
        record = records.resolution(closed, principal, evidence, now)
        await self._store.replace(closed, record, expected=ActionStatus.UNRESOLVED)
        return closed

    async def get(self, principal: Principal, action_id: str) -> Action:
        require(principal, Scope.ACTIONS_READ)
        return await self._store.get(principal.tenant_id, action_id)

    # ------------------------------------------------------------ proposing

    async def _refuse_denied(self, session: Session, assessment: Assessment) -> None:
        if assessment.decision.outcome is not PolicyOutcome.DENY:
            return
        await self._ledger.append(session.tenant_id, records.denial(session, assessment, self._clock.now()))
        raise PolicyDenied(
            assessment.decision.reason,
            where=assessment.tool.name,
            hint="Explain the clause to the customer, or offer what it allows.",
            decision=assessment.decision,
        )

    def _action(
        self,
        session: Session,
        assessment: Assessment,
        revision: int,
        provenance: Mapping[str, Provenance],
    ) -> Action:
        now = self._clock.now()
        action = Action(
            id=self._ids.new("act"),
            tenant_id=session.tenant_id,
            conversation_id=session.conversation_id,
            revision=revision,
            customer_id=session.verified_customer(),
            call=ToolCall(
                id=self._ids.new("call"),
                tool=assessment.tool.name,
                tool_version=assessment.tool.version,
                arguments=assessment.arguments,
            ),
            effect=assessment.tool.effect,
            preview=assessment.plan.preview,
            amount=assessment.plan.amount,
            decision=assessment.decision,
            proposed_at=now,
            expires_at=now + self._limits.proposal_holds,
            provenance={n: p for n, p in provenance.items() if n in assessment.arguments},
        )
        return action.model_copy(update={"digest": action.compute_digest()})

    async def _add(self, action: Action, *, proposed_by: Principal | None) -> Action:
        """Two requests for the same thing end at one open action: the store holds that, even in a race."""
        for _ in range(2):
            if (same := await self._same_open(action)) is not None:
                return same
            try:
                await self._store.add(action, records.proposal(action, proposed_by))
            except Conflict:
                continue
            return action
        raise Conflict("The same action was just proposed and decided.", hint="Look again.")

    async def _supersede(self, old: Action, new: Action, principal: Principal) -> Action:
        """Old out and new in as one step; where the new one is open already, the old just ends for it."""
        superseded = old.model_copy(update={"status": ActionStatus.SUPERSEDED})
        for _ in range(2):
            same = await self._same_open(new, besides=old.id)
            edited = records.edit(superseded, same or new, principal, self._clock.now())
            if same is not None:
                await self._store.replace(superseded, edited, expected=old.status)
                return same
            added = records.proposal(new, principal)
            try:
                await self._store.supersede(superseded, edited, new, added, expected=old.status)
            except ActionNotOpen:
                raise
            except Conflict:
                continue
            return new
        raise Conflict("The same action was just proposed and decided.", hint="Look again.")

    async def _same_open(self, action: Action, *, besides: str | None = None) -> Action | None:
        for other in await self._store.list_for(action.tenant_id, action.conversation_id):
            if other.id == besides:
                continue
            if other.status.is_open and other.fingerprint() == action.fingerprint():
                if other.status in _WAITING and self._clock.now() >= other.expires_at:
                    await self._expire(other)
                else:
                    return other
        return None

    # ------------------------------------------------------------ deciding

    async def _refuse_forged_first_approval(self, principal: Principal, action: Action) -> None:
        """A second person must not complete what somebody wrote into the database."""
        if (problem := self._seals.forgery(action)) is None:
            return
        now = self._clock.now()
        await self._ledger.append(action.tenant_id, records.refused(action, principal, problem, now))
        raise SealBroken(problem, hint="Reject it, and tell your administrator.")

    async def _open(self, principal: Principal, action_id: str) -> Action:
        """The action while it waits for people; what has expired is marked so."""
        action = await self._store.get(principal.tenant_id, action_id)
        if action.status not in _WAITING:
            raise ActionNotOpen(
                f"The action is {action.status.value}.", hint="It cannot be decided any more."
            )
        if self._clock.now() >= action.expires_at:
            await self._expire(action)
            raise ActionNotOpen("The proposal has expired.", hint="Propose it again.")
        return action

    async def _expire(self, action: Action) -> None:
        expired = action.model_copy(update={"status": ActionStatus.EXPIRED})
        await self._store.replace(expired, records.expiry(expired, self._clock.now()), expected=action.status)

    @staticmethod
    def _refuse_same_or_lesser_approver(principal: Principal, action: Action) -> None:
        if any(approval.approver_id == principal.id for approval in action.approvals):
            raise SecondApproverNeeded(
                "You have approved this already; a second person must.", hint="Ask a supervisor."
            )
        second = action.status is ActionStatus.AWAITING_SECOND_APPROVAL
        if second and not principal.may(Scope.ACTIONS_APPROVE_ABOVE_LIMIT):
            raise SecondApproverNeeded(
                f"A supervisor must approve this: {action.decision.reason}", hint="Ask a supervisor."
            )

    def _with_approval(self, action: Action, principal: Principal) -> Action:
        now = self._clock.now()
        first_of_two = (
            action.status is ActionStatus.PROPOSED
            and action.decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR
        )
        if first_of_two:
            until = now + self._limits.second_approval_within
            approvals = (*action.approvals, self._sealed(action, principal, now, until))
            return action.model_copy(
                update={
                    "status": ActionStatus.AWAITING_SECOND_APPROVAL,
                    "approvals": approvals,
                    "expires_at": until,
                }
            )
        until = now + self._limits.approval_holds
        approvals = (*action.approvals, self._sealed(action, principal, now, until))
        approved = {"status": ActionStatus.APPROVED, "approvals": approvals, "trace": traceparent()}
        return action.model_copy(update=approved)

    def _sealed(self, action: Action, principal: Principal, now: datetime, until: datetime) -> Approval:
        supervised = action.decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR
        given = Approval(
            approver_id=principal.id,
            approver_name=principal.name,
            approved_at=now,
            expires_at=until,
            needed=2 if supervised else 1,
        )
        return self._seals.seal(action, given)


def _edited(old: Action, arguments: Mapping[str, Any]) -> dict[str, Provenance]:
    """What the representative changed is theirs; the rest keeps its origin."""
    return {
        name: Provenance.REPRESENTATIVE
        if value != old.call.arguments.get(name)
        else old.provenance.get(name, Provenance.REPRESENTATIVE)
        for name, value in arguments.items()
    }


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
