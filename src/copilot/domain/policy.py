"""Executable policy rules, each standing for a clause of a policy document."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime

from pydantic import Field

from copilot.domain.actions import PolicyOutcome, canonical_json
from copilot.domain.conditions import Condition, Scalar
from copilot.domain.value import Value


class RuleClause(Value):
    """Where the rule comes from: a document's external id, its version, and the clause number."""

    document: str
    version: str
    clause: str


class RuleExample(Value):
    """A situation worked out by hand; `expect` is what the rule alone says, None: silent."""

    given: dict[str, Scalar]
    expect: PolicyOutcome | None


class PolicyRule(Value):
    """When `when` holds for a call of one of `tools`, the rule speaks with `outcome`.

    It applies to orders placed from `valid_from` to `valid_to` (both inclusive): an order keeps the policy
    under which it was placed. `because` is a jinja2 template over the facts.
    """

    id: str = Field(pattern=r"^[a-z0-9.-]+$")
    tools: tuple[str, ...] = Field(min_length=1)
    outcome: PolicyOutcome
    when: Condition
    because: str
    clause: RuleClause
    valid_from: date | None = None
    valid_to: date | None = None
    examples: tuple[RuleExample, ...] = ()

    def in_force(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


class Signature(Value):
    """A knowledge manager's signature; `sha256` is over the rules as canonical JSON."""

    name: str
    at: datetime
    sha256: str


class PolicySet(Value):
    """One file of rules."""

    policy: str
    title: str
    rules: tuple[PolicyRule, ...] = Field(min_length=1)
    signature: Signature | None = None


def rules_hash(rules: Sequence[PolicyRule]) -> str:
    """What a knowledge manager signs: SHA-256 over the rules as canonical JSON, defaults left out."""
    dumped = [rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) for rule in rules]
    return hashlib.sha256(canonical_json(dumped)).hexdigest()
