"""Policies of the tests' shop, shaped like the demo company's."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tests.unit.tools.shop import NOW

from copilot.domain.errors import ConfigurationError
from copilot.domain.knowledge import Block, BlockKind, ParsedDocument
from copilot.domain.policy import PolicySet, Signature, clauses_of, rules_hash
from copilot.tools.policy import PolicyEngine


def clause(document: str, version: str, number: str) -> dict:
    return {"document": document, "version": version, "clause": number}


def within_window(days: int, version: str, **validity: date) -> list[dict]:
    known = {"fact": "order.days_since_delivery", "known": True}
    return [
        {
            "id": f"returns.window.v{version}",
            "tools": ["return_delivered_order_items"],
            "outcome": "allow",
            "when": {"all": [known, {"fact": "order.days_since_delivery", "at_most": days}]},
            "because": f"{{{{ order.days_since_delivery }}}} days ≤ {days}",
            "clause": clause("returns-policy", version, "3.2"),
            "examples": [{"given": {"order.days_since_delivery": days}, "expect": "allow"}],
            **validity,
        },
        {
            "id": f"returns.too-late.v{version}",
            "tools": ["return_delivered_order_items"],
            "outcome": "deny",
            "when": {"fact": "order.days_since_delivery", "more_than": days},
            "because": f"{{{{ order.days_since_delivery }}}} days > {days}",
            "clause": clause("returns-policy", version, "3.2"),
            "examples": [{"given": {"order.days_since_delivery": days}, "expect": None}],
            **validity,
        },
    ]


RETURNS = [
    *within_window(30, "3", valid_from=date(2026, 3, 1)),
    *within_window(14, "2", valid_from=date(2024, 6, 1), valid_to=date(2026, 2, 28)),
    {
        "id": "returns.final-sale",
        "tools": ["return_delivered_order_items"],
        "outcome": "deny",
        "when": {"fact": "item.final_sale", "is": True},
        "because": "{{ item.name }} is final sale",
        "clause": clause("returns-policy", "3", "3.4"),
    },
]
REFUNDS = [
    {
        "id": "refunds.goodwill",
        "tools": ["refund_order"],
        "outcome": "allow",
        "when": {"fact": "call.amount_minor", "at_most": 20000},
        "because": "refunds up to $200 by a representative",
        "clause": clause("refunds-policy", "2", "3.2"),
    },
    {
        "id": "refunds.large",
        "tools": ["refund_order"],
        "outcome": "needs_supervisor",
        "when": {"fact": "call.amount_minor", "more_than": 10000},
        "because": "above $100",
        "clause": clause("refunds-policy", "2", "3.3"),
    },
    {
        "id": "refunds.year",
        "tools": ["refund_order"],
        "outcome": "needs_supervisor",
        "when": {"fact": "call.days_refunded_minor", "more_than": 50000},
        "because": "above $500 a year",
        "clause": clause("refunds-policy", "2", "3.6"),
    },
    {
        "id": "refunds.lost",
        "tools": ["refund_order"],
        "outcome": "deny",
        "when": {
            "all": [{"fact": "call.reason", "is": "lost_parcel"}, {"fact": "order.status", "is": "delivered"}]
        },
        "because": "{{ order.id }} was delivered",
        "clause": clause("refunds-policy", "2", "3.4"),
    },
    {
        "id": "cancel.pending",
        "tools": ["cancel_pending_order", "modify_pending_order_address"],
        "outcome": "allow",
        "when": {"fact": "order.status", "is": "pending"},
        "because": "still pending",
        "clause": clause("cancellation-policy", "1", "1.1"),
    },
]


def document(external_id: str, version: str, title: str = "", **texts: str) -> ParsedDocument:
    """A policy document of clauses by number (`_3_2`), one paragraph each."""
    blocks, text = [], ""
    for number, words in texts.items():
        blocks.append(
            Block(
                kind=BlockKind.PARAGRAPH,
                start=len(text),
                end=len(text) + len(words),
                clause=number.strip("_").replace("_", "."),
            )
        )
        text += words + "\n"
    title = title or external_id
    return ParsedDocument(
        external_id=external_id, version=version, title=title, text=text, blocks=tuple(blocks)
    )


CLAUSES = {
    **clauses_of(document("returns-policy", "3", "Returns policy", _3_2="within 30 days", _3_4="final sale")),
    **clauses_of(document("returns-policy", "2", _3_2="within 14 days")),
    **clauses_of(
        document(
            "refunds-policy",
            "2",
            _3_2="up to $200",
            _3_3="above $100",
            _3_4="lost parcels",
            _3_6="$500 a year",
        )
    ),
    **clauses_of(document("cancellation-policy", "1", _1_1="pending orders are free to cancel")),
}


def policy_set(rules: list[dict], name: str = "returns", clauses: Mapping = CLAUSES) -> PolicySet:
    """Signed, with the clauses as they are in `clauses`."""
    unsigned = PolicySet.model_validate({"policy": name, "title": name, "rules": rules})
    signed = {r.id: clauses[r.clause.key].sha256 for r in unsigned.rules if r.clause.key in clauses}
    signature = Signature(name="Kim", at=NOW, sha256=rules_hash(unsigned.rules, signed), clauses=signed)
    return unsigned.model_copy(update={"signature": signature})


def render_text(template: str, variables: Mapping[str, Any]) -> str:
    try:
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        return environment.from_string(template).render(variables)
    except TemplateError as error:
        raise ConfigurationError(str(error)) from error


def engine(clauses: Mapping = CLAUSES) -> PolicyEngine:
    """Over rules that were signed when the clauses were CLAUSES."""
    return PolicyEngine([policy_set(RETURNS), policy_set(REFUNDS, "refunds")], clauses, render_text)
