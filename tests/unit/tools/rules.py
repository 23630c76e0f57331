"""Policies of the tests' shop, shaped like the demo company's."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tests.unit.tools.shop import NOW

from copilot.domain.actions import ClauseReference
from copilot.domain.errors import ConfigurationError
from copilot.domain.policy import PolicySet, Signature, rules_hash
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
CLAUSES = {
    ("returns-policy", "3", "3.2"): ClauseReference(
        document="returns-policy", version="3", clause="3.2", title="Returns policy", quote="within 30 days"
    )
}


def policy_set(rules: list[dict], name: str = "returns") -> PolicySet:
    unsigned = PolicySet.model_validate({"policy": name, "title": name, "rules": rules})
    signature = Signature(name="Kim", at=NOW, sha256=rules_hash(unsigned.rules))
    return unsigned.model_copy(update={"signature": signature})


def render_text(template: str, variables: Mapping[str, Any]) -> str:
    try:
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        return environment.from_string(template).render(variables)
    except TemplateError as error:
        raise ConfigurationError(str(error)) from error


def engine() -> PolicyEngine:
    return PolicyEngine([policy_set(RETURNS), policy_set(REFUNDS, "refunds")], CLAUSES, render_text)
