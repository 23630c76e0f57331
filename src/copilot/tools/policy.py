"""Compiled policy: the signed rules, evaluated over facts as of the day the order was placed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

from copilot.domain.actions import ClauseReference, PolicyDecision, PolicyFinding, PolicyOutcome
from copilot.domain.conditions import FactValue
from copilot.domain.errors import ConfigurationError, CopilotError
from copilot.domain.policy import Clause, ClauseKey, PolicyRule, PolicySet, RuleClause
from copilot.domain.value import Value
from copilot.tools.facts import nested

_WORST_FIRST = (PolicyOutcome.DENY, PolicyOutcome.NEEDS_SUPERVISOR, PolicyOutcome.ALLOW)


class RenderText(Protocol):
    """Fills a template over nested facts (`{{ order.total }}`), sandboxed; `CopilotError` when it cannot."""

    def __call__(self, template: str, variables: Mapping[str, Any], /) -> str: ...


class Policies(Protocol):
    """Where the rules in force come from."""

    async def engine(self, tenant_id: str) -> "PolicyEngine":
        """The engine over rules and clauses as they are now."""


class Flag(Value):
    """A rule that a knowledge manager has to look at again before its clause can be trusted to back it."""

    rule: str
    clause: RuleClause
    why: str


class PolicyEngine:
    """Decides calls by the rules of signed policy sets.

    `clauses` holds every known clause; a rule whose clause is missing there, or has another text than the one
    it was signed with, still speaks: `flags()` and its findings tell. Raises `ConfigurationError` for a set
    that is not signed as it is.
    """

    def __init__(
        self,
        policy_sets: Iterable[PolicySet],
        clauses: Mapping[ClauseKey, Clause],
        render: RenderText,
        *,
        require_signatures: bool = True,
    ) -> None:
        self._sets = tuple(policy_sets)
        self._clauses = clauses
        self._render = render
        unsigned = [problem for s in self._sets if (problem := _signature_problem(s))]
        if require_signatures and unsigned:
            raise ConfigurationError(
                "; ".join(unsigned), hint="A knowledge manager has to check the rules and sign them again."
            )
        self._rules: dict[str, list[PolicyRule]] = defaultdict(list)
        for rule in (rule for s in self._sets for rule in s.rules):
            for tool in rule.tools:
                self._rules[tool].append(rule)
        self._flags = {flag.rule: flag for s in self._sets for flag in _flags(s, clauses)}

    async def engine(self, tenant_id: str) -> "PolicyEngine":  # noqa: ARG002
        """Itself, for whoever asks: rules and clauses that never change."""
        return self

    def decide(
        self,
        tool: str,
        facts: Mapping[str, FactValue],
        placed_on: date | None,
        as_of: datetime,
        *,
        moves_money: bool = False,
    ) -> PolicyDecision:
        """By the rules in force when the order was placed (`placed_on` None: those of today).

        One DENY wins, then one NEEDS_SUPERVISOR, then ALLOW; when no rule speaks, it is DENY. Where the call
        moves money and every ALLOW is of a flagged rule, a supervisor is needed.
        """
        day = placed_on or as_of.astimezone(UTC).date()
        findings = tuple(
            self._finding(rule, facts)
            for rule in self._rules.get(tool, ())
            if rule.in_force(day) and rule.when.holds(facts)
        )
        if moves_money:
            findings += _doubts(findings)
        return PolicyDecision(outcome=_worst(f.outcome for f in findings), findings=findings, as_of=as_of)

    def flags(self) -> list[Flag]:
        """The rules that need review, in the order of the sets."""
        return list(self._flags.values())

    def check_examples(self) -> list[str]:
        """Runs every rule's own examples; a sentence for each that comes out otherwise."""
        return [
            problem
            for rule in (rule for s in self._sets for rule in s.rules)
            for number, example in enumerate(rule.examples, start=1)
            if (problem := self._example_problem(rule, number, example.given, example.expect))
        ]

    def problems(self) -> list[str]:
        """Everything a knowledge manager has to look at: signatures, clauses that are gone, examples."""
        return [*(p for s in self._sets if (p := _signature_problem(s))), *self.rule_problems()]

    def rule_problems(self) -> list[str]:
        """The same of the rules alone, whether they are signed or not."""
        missing = [
            f"rule {rule.id}: there is no clause {rule.clause.clause} in {rule.clause.document} "
            f"version {rule.clause.version}"
            for rule in (rule for s in self._sets for rule in s.rules)
            if rule.clause.key not in self._clauses
        ]
        return [*missing, *self.check_examples()]

    def _finding(self, rule: PolicyRule, facts: Mapping[str, FactValue]) -> PolicyFinding:
        return PolicyFinding(
            rule=rule.id,
            outcome=rule.outcome,
            because=self._because(rule, facts),
            clause=self._clause(rule.clause),
            needs_review=rule.id in self._flags,
        )

    def _because(self, rule: PolicyRule, facts: Mapping[str, FactValue]) -> str:
        try:
            return self._render(rule.because, nested(facts)).strip()
        except CopilotError:
            # A sentence that cannot be written must not silence the rule: it decides all the same.
            return f"Rule {rule.id}"

    def _clause(self, clause: RuleClause) -> ClauseReference:
        known = self._clauses.get(clause.key)
        if known is not None:
            return known.reference
        return ClauseReference(document=clause.document, version=clause.version, clause=clause.clause)

    def _example_problem(
        self,
        rule: PolicyRule,
        number: int,
        given: Mapping[str, FactValue],
        expect: PolicyOutcome | None,
    ) -> str | None:
        spoke = rule.outcome if rule.when.holds(given) else None
        if spoke is not expect:
            said, wanted = (o.value if o else "nothing" for o in (spoke, expect))
            return f"rule {rule.id}, example {number}: says {said}, expected {wanted}"
        if spoke is None:
            return None
        try:
            self._render(rule.because, nested(given))
        except CopilotError as error:
            return f"rule {rule.id}, example {number}: {error}"
        return None


def combine(decisions: Sequence[PolicyDecision]) -> PolicyDecision:
    """The verdict on a call that concerns several items: each must be allowed; findings appear once."""
    findings = dict.fromkeys(f for d in decisions for f in d.findings)
    return PolicyDecision(
        outcome=_worst(d.outcome for d in decisions), findings=tuple(findings), as_of=decisions[0].as_of
    )


def _worst(outcomes: Iterable[PolicyOutcome]) -> PolicyOutcome:
    given = set(outcomes)
    return next((o for o in _WORST_FIRST if o in given), PolicyOutcome.DENY)


def _doubts(findings: Sequence[PolicyFinding]) -> tuple[PolicyFinding, ...]:
    """A supervisor's look where nothing but flagged rules allows."""
    if _worst(f.outcome for f in findings) is not PolicyOutcome.ALLOW:
        return ()
    allowing = [f for f in findings if f.outcome is PolicyOutcome.ALLOW]
    if not all(f.needs_review for f in allowing):
        return ()
    because = "The clause has changed since this rule was signed"
    return tuple(
        f.model_copy(update={"outcome": PolicyOutcome.NEEDS_SUPERVISOR, "because": because}) for f in allowing
    )


def _flags(policy_set: PolicySet, clauses: Mapping[ClauseKey, Clause]) -> Iterable[Flag]:
    """None for a set that nobody has signed: nothing was vouched for that could have changed."""
    if policy_set.signature is None:
        return
    for rule in policy_set.rules:
        signed, known = policy_set.signature.clauses.get(rule.id), clauses.get(rule.clause.key)
        if known is None:
            yield Flag(rule=rule.id, clause=rule.clause, why="the clause is gone")
        elif signed is None:
            yield Flag(rule=rule.id, clause=rule.clause, why="it was signed without its clause's text")
        elif signed != known.sha256:
            yield Flag(rule=rule.id, clause=rule.clause, why="the clause's text has changed")


def _signature_problem(policy_set: PolicySet) -> str | None:
    if policy_set.signature is None:
        return f"policy {policy_set.policy}: nobody has signed it"
    if not policy_set.signature_holds():
        return f"policy {policy_set.policy}: the rules are not the ones {policy_set.signature.name} signed"
    return None
