"""What each step writes into the ledger.

The ledger is kept for ever, so it holds nothing that people wrote: arguments, previews, receipts and evidence
are private fields, of which it keeps keyed hashes (their text is with the action). So are digests and seals,
which somebody who guesses an address could compare, and the customer's id, which in some shops is their name:
who was paid, the order system tells by the call's key.
"""

from datetime import datetime

from copilot.domain.access import Principal
from copilot.domain.actions import (
    Action,
    Approval,
    LedgerRecord,
    PolicyDecision,
)
from copilot.domain.commerce import Money
from copilot.tools.assessment import Assessment
from copilot.tools.tool import Json, Session


def proposal(action: Action, proposed_by: Principal | None) -> LedgerRecord:
    body = {
        "tool": action.call.tool,
        "tool_version": action.call.tool_version,
        "key": action.call.id,
        "conversation": action.conversation_id,
        "revision": action.revision,
        "proposed_by": proposed_by.id if proposed_by else None,
        "replaces": action.replaces,
        "expires_at": action.expires_at.isoformat(),
        "provenance": {name: origin.value for name, origin in action.provenance.items()},
        "policy": _decision(action.decision),
        **_money(action.amount),
    }
    private: Json = {"digest": action.digest, "customer": action.customer_id}
    if action.amount is not None:
        private["preview"] = action.preview
    return _record("proposal", action, body, action.proposed_at, private)


def denial(session: Session, assessment: Assessment, at: datetime) -> LedgerRecord:
    body = {
        "tool": assessment.tool.name,
        "asked_by": session.principal.id if session.principal else None,
        "policy": _decision(assessment.decision),
        **_money(assessment.plan.amount),
    }
    return LedgerRecord(
        kind="denial",
        subject_id=session.conversation_id,
        body=body,
        at=at,
        conversation_id=session.conversation_id,
        private={"arguments": assessment.arguments, "customer": session.customer_id},
    )


def refused(action: Action, principal: Principal, why: str, at: datetime) -> LedgerRecord:
    """An approval that was not accepted."""
    return _record("refused_approval", action, {"by": principal.id, "why": why}, at)


def approval(action: Action, given: Approval) -> LedgerRecord:
    body = {
        "by": given.approver_id,
        "expires_at": given.expires_at.isoformat(),
        "status": action.status.value,
    }
    private = {"digest": action.digest, "seal": given.seal}
    return _record("approval", action, body, given.approved_at, private)


def rejection(action: Action, principal: Principal, at: datetime) -> LedgerRecord:
    return _record("rejection", action, {"by": principal.id}, at)


def edit(old: Action, new: Action, principal: Principal, at: datetime) -> LedgerRecord:
    body = {"by": principal.id, "new_action": new.id}
    return _record("edit", old, body, at, {"old_digest": old.digest, "new_digest": new.digest})


def expiry(action: Action, at: datetime) -> LedgerRecord:
    return _record("expiry", action, {}, at)


def execution(action: Action, at: datetime) -> LedgerRecord:
    """Written before the first call leaves."""
    body = {"key": action.call.id, "policy": _decision(action.decision)}
    private = {"digest": action.digest, "seals": [a.seal for a in action.approvals]}
    return _record("execution", action, body, at, private)


def reopened(action: Action, at: datetime) -> LedgerRecord:
    """Policy asks for a second person by now."""
    return _record("second_approval_needed", action, {"policy": _decision(action.decision)}, at)


def looked(action: Action, at: datetime) -> LedgerRecord:
    """The order system was asked again what became of an unresolved call, and showed nothing."""
    return _record("reconciliation", action, {"key": action.call.id, "looked": action.looked}, at)


def parked(action: Action, at: datetime) -> LedgerRecord:
    """Left to a person."""
    return _record("parked", action, {"key": action.call.id, "looked": action.looked}, at)


def resolution(action: Action, principal: Principal, evidence: str, at: datetime) -> LedgerRecord:
    """A person has found out what happened and says so."""
    body = {"by": principal.id, "key": action.call.id, "status": action.status.value}
    return _record("resolution", action, body, at, {"evidence": evidence})


def receipt(action: Action, at: datetime) -> LedgerRecord:
    result = action.result
    body: Json = {"key": action.call.id, "status": action.status.value}
    if result is None:
        return _record("receipt", action, body, at)
    private = {"error": result.error, "data": result.data}
    return _record("receipt", action, body | {"ok": result.ok}, at, private)


def _record(kind: str, action: Action, body: Json, at: datetime, private: Json | None = None) -> LedgerRecord:
    return LedgerRecord(
        kind=kind,
        subject_id=action.id,
        body=body,
        at=at,
        conversation_id=action.conversation_id,
        private=private or {},
    )


def _money(amount: Money | None) -> Json:
    return {"amount_minor": amount.minor, "currency": amount.currency} if amount else {}


def _decision(decision: PolicyDecision) -> Json:
    clauses = [
        f"{f.rule}: {f.outcome.value} ({f.clause.document} v{f.clause.version} §{f.clause.clause})"
        + (" needs review" if f.needs_review else "")
        for f in decision.findings
    ]
    return {"outcome": decision.outcome.value, "clauses": clauses}
