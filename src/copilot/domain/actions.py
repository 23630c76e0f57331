"""Tool calls, policy decisions, proposals and approvals."""

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from copilot.domain.commerce import Money
from copilot.domain.value import Value


class ToolEffect(StrEnum):
    READ = "read"
    WRITE = "write"
    MONEY = "money"


class ToolCall(Value):
    """A call of a catalog tool; its id is the idempotency key wherever it goes."""

    id: str
    tool: str
    tool_version: str = "1"
    arguments: dict[str, Any] = Field(default_factory=dict)


class ToolResult(Value):
    """What a tool answered; `data` is JSON, `error` a sentence for the representative."""

    call: ToolCall
    ok: bool
    data: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None
    created_at: datetime


class ClauseReference(Value):
    """A numbered clause of one version of a policy document."""

    document: str
    version: str
    clause: str
    title: str = ""
    quote: str = ""

    def __str__(self) -> str:
        return f"{self.title or self.document} §{self.clause}"


class PolicyOutcome(StrEnum):
    ALLOW = "allow"
    NEEDS_SUPERVISOR = "needs_supervisor"
    DENY = "deny"


class PolicyFinding(Value):
    """One rule that spoke: for or against, why, and the clause it comes from."""

    rule: str
    outcome: PolicyOutcome
    because: str
    clause: ClauseReference
    needs_review: bool = False
    """The clause's text is not the one that the rule was signed with."""


class PolicyDecision(Value):
    """The verdict of every rule in force on `as_of` that concerns the tool.

    With no finding at all the outcome is DENY: what no clause allows is not allowed.
    """

    outcome: PolicyOutcome
    findings: tuple[PolicyFinding, ...]
    as_of: datetime

    @property
    def needs_review(self) -> tuple[str, ...]:
        """Rules among the findings whose clause has changed since a knowledge manager signed them."""
        return tuple(dict.fromkeys(f.rule for f in self.findings if f.needs_review))

    @property
    def reason(self) -> str:
        """The deciding findings in one line, e.g. "21 days > 14 · Returns policy §3.2"."""
        deciding = [f for f in self.findings if f.outcome is self.outcome]
        if not deciding:
            return "No policy clause allows this."
        return "; ".join(f"{f.because} · {f.clause}" for f in deciding)


class ActionStatus(StrEnum):
    """`proposed → approved → executing → succeeded | failed | unresolved`, or an early end."""

    PROPOSED = "proposed"
    AWAITING_SECOND_APPROVAL = "awaiting_second_approval"
    APPROVED = "approved"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNRESOLVED = "unresolved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"

    @property
    def is_final(self) -> bool:
        return self in _FINAL

    @property
    def is_open(self) -> bool:
        """Whether the same thing must not be proposed again beside it."""
        return self not in _FINAL


_FINAL = frozenset(
    {
        ActionStatus.SUCCEEDED,
        ActionStatus.FAILED,
        ActionStatus.REJECTED,
        ActionStatus.EXPIRED,
        ActionStatus.SUPERSEDED,
    }
)


class Provenance(StrEnum):
    """Where an argument of a proposed call came from, the most trustworthy first."""

    FACT = "fact"
    """The order system said so."""
    PLAYBOOK = "playbook"
    """Written down by a knowledge manager."""
    REPRESENTATIVE = "representative"
    CUSTOMER_TEXT = "customer_text"
    KNOWLEDGE = "knowledge"
    MODEL = "model"
    """Nobody said it: a language model, or another program, made it up."""


class Approval(Value):
    """One person's consent to exactly one sealed call."""

    approver_id: str
    approver_name: str
    approved_at: datetime
    expires_at: datetime
    needed: int = Field(default=1, ge=1)
    """How many people policy asked for when this one approved."""
    key_id: str = ""
    """Which of the server's keys made the seal."""
    seal: str = ""
    """HMAC-SHA256 over the action's digest and every other field here: see `copilot.tools.seals`."""


class Action(Value):
    """A WRITE or MONEY tool call proposed to a person, and what became of it."""

    id: str
    tenant_id: str
    conversation_id: str
    revision: int
    customer_id: str
    call: ToolCall
    effect: ToolEffect
    preview: str
    amount: Money | None = None
    decision: PolicyDecision
    status: ActionStatus = ActionStatus.PROPOSED
    proposed_at: datetime
    expires_at: datetime
    digest: str = ""
    """`compute_digest()` when it was proposed; an approver sends back the one they were shown."""
    approvals: tuple[Approval, ...] = ()
    result: ToolResult | None = None
    rejected_reason: str | None = None
    replaces: str | None = None
    """The action this one was edited from."""
    looked: int = Field(default=0, ge=0)
    """How often its receipt has been looked for since its outcome is unknown."""
    parked: bool = False
    """Looking is over: a person has to find out what happened, and close it."""
    trace: str | None = None
    """The approver's request as a W3C traceparent, which work that is driven on later refers to."""
    provenance: dict[str, Provenance] = Field(default_factory=dict)
    """By argument; for the approver to see, and in the ledger. What is not named here is a default."""

    def fingerprint(self) -> str:
        """SHA-256 over what it would do: two open actions of a conversation never share one."""
        return _sha256(
            {
                "tenant": self.tenant_id,
                "conversation": self.conversation_id,
                "customer": self.customer_id,
                "tool": self.call.tool,
                "arguments": self.call.arguments,
            }
        )

    def compute_digest(self) -> str:
        """SHA-256 over everything that an approval binds, except who approves and until when."""
        return _sha256(
            {
                "action": self.id,
                "tenant": self.tenant_id,
                "conversation": self.conversation_id,
                "customer": self.customer_id,
                "tool": self.call.tool,
                "tool_version": self.call.tool_version,
                "call": self.call.id,
                "arguments": self.call.arguments,
                "amount_minor": self.amount.minor if self.amount else None,
                "currency": self.amount.currency if self.amount else None,
            }
        )

    def sealed_content(self, given: Approval) -> bytes:
        """What a seal is made over: this call, as it is now, and all of the approval but the seal."""
        approval = given.model_dump(mode="json", exclude={"seal"})
        return canonical_json({"digest": self.compute_digest(), "approval": approval})


class Allowance(Value):
    """An amount counted against a limit: while `counter` would exceed `at_most_minor`, nothing moves."""

    counter: str
    """Whose limit, of which day and currency; counters of a tenant are apart from other tenants'."""
    amount_minor: int = Field(gt=0)
    at_most_minor: int = Field(ge=0)
    limit: str
    """For people, such as "refunds of one representative in a day"."""


class LedgerRecord(Value):
    """What is to be written into the ledger, before it has its place in the chain.

    `private` is what may tell of people: the ledger keeps a keyed hash of each field, under the key of the
    conversation (without one: of the subject), and that key can be destroyed. See `domain.ledger.sealed`.
    """

    kind: str
    subject_id: str
    body: dict[str, Any]
    at: datetime
    conversation_id: str | None = None
    private: dict[str, Any] = Field(default_factory=dict)


class LedgerHead(Value):
    """The last link of a chain, kept apart from it: a missing tail shows."""

    sequence: int
    hash: str


class LedgerEntry(Value):
    """One link of the hash chain: `hash` covers every other field, `previous_hash` the entry before."""

    sequence: int = Field(ge=1)
    tenant_id: str
    kind: str
    """suggestion, edit, proposal, approval, rejection, execution, receipt …"""
    subject_id: str
    body: dict[str, Any]
    created_at: datetime
    previous_hash: str
    hash: str


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _sha256(value: Any) -> str:  # noqa: ANN401
    return hashlib.sha256(canonical_json(value)).hexdigest()
