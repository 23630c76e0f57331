"""Executable policy rules, each standing for a clause of a policy document."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType

from pydantic import Field

from copilot.domain.actions import ClauseReference, PolicyOutcome, canonical_json
from copilot.domain.conditions import Condition, Scalar
from copilot.domain.knowledge import Block, BlockKind, ParsedDocument
from copilot.domain.value import Value

ClauseKey = tuple[str, str, str]
"""Document (external id), version, clause number."""

_NONE: Mapping[str, str] = MappingProxyType({})


class RuleClause(Value):
    """Where the rule comes from: a document's external id, its version, and the clause number."""

    document: str
    version: str
    clause: str

    @property
    def key(self) -> ClauseKey:
        return self.document, self.version, self.clause


class Clause(Value):
    """A clause as a document has it; `sha256` is over its text, headings included, spacing aside."""

    reference: ClauseReference
    sha256: str


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
    """A knowledge manager's signature; `sha256` is over the rules and `clauses` as canonical JSON.

    `clauses` maps each rule's id to the SHA-256 of its clause's text as it was when the rule was signed.
    """

    name: str
    at: datetime
    sha256: str
    clauses: dict[str, str] = Field(default_factory=dict)


class PolicySet(Value):
    """One file of rules."""

    policy: str
    title: str
    rules: tuple[PolicyRule, ...] = Field(min_length=1)
    signature: Signature | None = None

    def signature_holds(self) -> bool:
        """Whether somebody has signed exactly these rules."""
        signed = self.signature
        return signed is not None and signed.sha256 == rules_hash(self.rules, signed.clauses)


def rules_hash(rules: Sequence[PolicyRule], clauses: Mapping[str, str] = _NONE) -> str:
    """What a knowledge manager signs: SHA-256 over rules and clauses as canonical JSON, defaults left out.

    `clauses` is as in `Signature`.
    """
    dumped = [rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) for rule in rules]
    signed = {"rules": dumped, "clauses": dict(clauses)} if clauses else dumped
    return hashlib.sha256(canonical_json(signed)).hexdigest()


def clauses_of(document: ParsedDocument) -> dict[ClauseKey, Clause]:
    """Every numbered clause of a document, with its text for display and the hash that signatures name."""
    blocks: dict[str, list[Block]] = defaultdict(list)
    for block in document.blocks:
        if block.clause is not None:
            blocks[block.clause].append(block)
    return {
        (document.external_id, document.version, number): _clause(document, number, own)
        for number, own in blocks.items()
    }


def _clause(document: ParsedDocument, number: str, blocks: Sequence[Block]) -> Clause:
    texts = [document.text[block.start : block.end] for block in blocks]
    shown = [t for t, b in zip(texts, blocks, strict=True) if b.kind is not BlockKind.HEADING] or texts
    reference = ClauseReference(
        document=document.external_id,
        version=document.version,
        clause=number,
        title=document.title,
        quote="\n".join(shown),
    )
    words = " ".join(" ".join(texts).split())
    return Clause(reference=reference, sha256=hashlib.sha256(words.encode()).hexdigest())
