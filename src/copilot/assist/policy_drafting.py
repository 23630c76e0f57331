"""Drafts policy rules from a document's clauses with a chat model; a person signs what comes into force."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from copilot.domain.conditions import Scalar
from copilot.domain.errors import CopilotError
from copilot.domain.facts import FACTS
from copilot.domain.knowledge import ParsedDocument
from copilot.domain.policy import Clause, PolicyRule, clauses_of
from copilot.domain.value import Value
from copilot.ports import ChatModel
from copilot.prompts import render

_SEPARATOR = "=====\n"
_MAX_TOKENS = 1_200
_MAX_CLAUSE_CHARACTERS = 4_000
_COMPARISONS = ("is", "is_not", "at_most", "at_least", "less_than", "more_than", "known", "one_of")
_RULE_FACTS = tuple(
    name for name in FACTS if name.startswith(("order.", "item.", "customer.loyalty_tier", "call."))
)

Prove = Callable[[PolicyRule], str | None]
"""Why a rule cannot stand in a policy file (facts, template, examples); None when it can."""


class RefusedRule(Value):
    """A proposal that is not offered for signing, and why."""

    clause: str
    rule: str
    why: str


class DraftedRules(Value):
    rules: tuple[PolicyRule, ...]
    refused: tuple[RefusedRule, ...]
    silent: tuple[str, ...]
    """Clauses of which the model made no rule."""


async def draft_rules(
    model: ChatModel,
    document: ParsedDocument,
    tools: Sequence[str],
    prove: Prove,
    on_clause: Callable[[str], None] = lambda _: None,
) -> DraftedRules:
    """One question for each clause. Every rule in the answer is either offered or refused, with a reason.

    `tools` are the names that rules may be about. Raises `DependencyUnavailable` when the model fails.
    """
    rules: list[PolicyRule] = []
    refused: list[RefusedRule] = []
    silent: list[str] = []
    for clause in clauses_of(document).values():
        on_clause(clause.reference.clause)
        proposed = await _propose(model, clause, tools)
        if isinstance(proposed, str):
            refused.append(RefusedRule(clause=clause.reference.clause, rule="?", why=proposed))
            continue
        if not proposed:
            silent.append(clause.reference.clause)
        for raw in proposed:
            taken = {rule.id for rule in rules}
            found = _checked(raw, document, tools, taken, prove)
            if isinstance(found, PolicyRule):
                rules.append(found)
            else:
                refused.append(found)
    return DraftedRules(rules=tuple(rules), refused=tuple(refused), silent=tuple(silent))


async def _propose(model: ChatModel, clause: Clause, tools: Sequence[str]) -> list[Any] | str:
    """The answer's rules, unchecked, or what is wrong with the answer as a whole."""
    text = render(
        "draft_rules",
        clause=clause.reference.clause,
        text=clause.reference.quote[:_MAX_CLAUSE_CHARACTERS],
        tools=list(tools),
        facts={name: FACTS[name] for name in _RULE_FACTS},
    )
    system, user = text.split(_SEPARATOR, 1)
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    answer = ""
    async for part in model.stream(messages, max_tokens=_MAX_TOKENS, json_schema=rules_schema(tools)):
        answer += part
    try:
        rules = json.loads(answer)["rules"]
    except (ValueError, KeyError, TypeError):
        return "the model's answer is not an object with rules"
    return rules if isinstance(rules, list) else "the model's answer has no list of rules"


def _checked(
    raw: Any,  # noqa: ANN401 - whatever a model wrote
    document: ParsedDocument,
    tools: Sequence[str],
    taken: Iterable[str],
    prove: Prove,
) -> PolicyRule | RefusedRule:
    named = raw if isinstance(raw, Mapping) else {}
    clause, identity = str(named.get("clause", "?"))[:20], str(named.get("id", "?"))[:80]

    def refuse(why: str) -> RefusedRule:
        return RefusedRule(clause=clause, rule=identity, why=why)

    if (document.external_id, document.version, clause) not in clauses_of(document):
        return refuse(f"there is no clause {clause} in {document.external_id} version {document.version}")
    try:
        rule = PolicyRule.model_validate(_rule(named, document))
    except ValidationError as error:
        first = error.errors()[0]
        return refuse(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return refuse(f"it has not the form of a rule: {type(error).__name__} {error}")
    why = _objection(rule, tools, taken, prove)
    return rule if why is None else refuse(why)


def _objection(rule: PolicyRule, tools: Sequence[str], taken: Iterable[str], prove: Prove) -> str | None:
    if rule.id in taken:
        return "another rule has this id already"
    if unknown := [tool for tool in rule.tools if tool not in tools]:
        return f"there is no tool {', '.join(unknown)} that changes something"
    if not any(example.expect is rule.outcome for example in rule.examples):
        return "no example shows the rule speak"
    try:
        return prove(rule)
    except CopilotError as error:
        return str(error)


def _rule(raw: Mapping[str, Any], document: ParsedDocument) -> dict[str, Any]:
    """The rule in the form of a policy file; document, version and validity are never the model's."""
    rule: dict[str, Any] = {
        "id": raw["id"],
        "tools": list(raw["tools"]),
        "outcome": raw["outcome"],
        "when": {"all": [{"fact": t["fact"], t["comparison"]: _value(t["value"])} for t in raw["when"]]},
        "because": raw["because"],
        "clause": {
            "document": document.external_id,
            "version": document.version,
            "clause": str(raw["clause"]),
        },
        "examples": [
            {
                "given": {g["fact"]: _value(g["value"]) for g in example["given"]},
                "expect": None if example["expect"] == "nothing" else example["expect"],
            }
            for example in raw["examples"]
        ],
    }
    if document.valid_from:
        rule["valid_from"] = document.valid_from
    if document.valid_to:
        rule["valid_to"] = document.valid_to
    return rule


def _value(value: Any) -> Scalar | tuple[str, ...]:  # noqa: ANN401
    if isinstance(value, list):
        return tuple(map(str, value))
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{str(value)[:40]!r} is no number, text or flag")


def rules_schema(tools: Sequence[str]) -> dict[str, Any]:
    """The form of a model's answer: flat, so that small models hold to it."""
    scalar = {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "string"}]}
    fact = {"type": "string", "enum": list(_RULE_FACTS)}
    either = {"anyOf": [*scalar["anyOf"], {"type": "array", "items": {"type": "string"}}]}
    test = _object(
        {"fact": fact, "comparison": {"type": "string", "enum": list(_COMPARISONS)}, "value": either}
    )
    outcomes = ["allow", "needs_supervisor", "deny"]
    example = _object(
        {
            "given": _list(_object({"fact": fact, "value": scalar}), 6),
            "expect": {"type": "string", "enum": [*outcomes, "nothing"]},
        }
    )
    rule = _object(
        {
            "id": {"type": "string", "pattern": "^[a-z0-9.-]+$"},
            "clause": {"type": "string"},
            "tools": _list({"type": "string", "enum": list(tools)}, 4, at_least=1),
            "outcome": {"type": "string", "enum": outcomes},
            "when": _list(test, 5, at_least=1),
            "because": {"type": "string"},
            "examples": _list(example, 4, at_least=2),
        }
    )
    return _object({"rules": _list(rule, 4)})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _list(items: dict[str, Any], at_most: int, *, at_least: int = 0) -> dict[str, Any]:
    return {"type": "array", "minItems": at_least, "maxItems": at_most, "items": items}
