"""Recorded conversations: input of the demo and the evaluation, with what a good panel shows at each turn."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from copilot.domain.actions import PolicyOutcome
from copilot.domain.conversation import Channel
from copilot.domain.value import Value


class Expectation(Value):
    """What the panel should show for one turn; what is not written is not expected either way.

    `action: null`, written out, expects that no tool is proposed; see `expects_no_action`.
    """

    intent: str | None = None
    answered: bool | None = None
    """Whether the knowledge base holds the answer."""
    documents: tuple[str, ...] = ()
    """External ids of which at least one is shown."""
    not_documents: tuple[str, ...] = ()
    """External ids of which none is shown."""
    tools: tuple[str, ...] = ()
    """READ tools that run."""
    action: str | None = None
    """The WRITE or MONEY tool that is proposed."""
    outcome: PolicyOutcome | None = None
    """What policy says about it."""
    draft_includes: tuple[str, ...] = ()
    """Regular expressions, case ignored, each found in the draft."""
    draft_excludes: tuple[str, ...] = ()
    """Regular expressions, case ignored, none found in the draft."""
    silent: bool | None = None
    """Whether the panel should leave this turn without knowledge cards."""

    @property
    def expects_no_action(self) -> bool:
        return "action" in self.model_fields_set and self.action is None

    @field_validator("draft_includes", "draft_excludes")
    @classmethod
    def _regular_expressions(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return patterns


class Verification(Value):
    """What the customer proves their identity with: e-mail and order number, or full name and ZIP code."""

    email: str | None = None
    order_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    zip: str | None = None

    @model_validator(mode="after")
    def _one_complete_proof(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given not in ({"email", "order_id"}, {"first_name", "last_name", "zip"}):
            raise ValueError(
                "verify with email and order_id, or with first_name, last_name and zip; "
                f"found {', '.join(sorted(given)) or 'nothing'}"
            )
        return self


_KINDS = ("customer", "representative", "verify", "approve", "approve_as_supervisor", "reject")


class RecordedTurn(Value):
    """One thing that happens: somebody speaks, or the representative or a supervisor acts on the panel."""

    customer: str | None = Field(default=None, min_length=1)
    representative: str | None = Field(default=None, min_length=1)
    verify: Verification | None = None
    approve: str | None = None
    """The tool whose proposal the representative approves."""
    approve_as_supervisor: str | None = None
    reject: str | None = None
    expect: Expectation | None = None

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a turn is exactly one of {', '.join(_KINDS)}; found {', '.join(given) or 'none'}"
            )
        return self


class ExpectedWrapUp(Value):
    disposition: str | None = None


class RecordedConversation(Value):
    """One conversation from its first turn to its wrap-up."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    channel: Channel
    tags: tuple[str, ...] = ()
    crm_customer: str | None = None
    """The e-mail of a customer whom the CRM has authenticated before the first turn."""
    turns: tuple[RecordedTurn, ...] = Field(min_length=1)
    wrap_up: ExpectedWrapUp | None = None
