"""The recorded conversations' customers and orders as values, seeded on a given day."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

from copilot.domain.commerce import (
    Address,
    Customer,
    LineItem,
    Money,
    Order,
    PaymentMethod,
    PaymentRecord,
    Refund,
)

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / "knowledge" / "shop" / name).read_text(encoding="utf-8"))


def scenario() -> dict[str, tuple[Customer, Order]]:
    """By order number."""
    items = {v["item_id"]: (p, v) for p in load("products.yaml") for v in p["variants"]}
    found = {}
    for customer in load("scenario_customers.yaml"):
        who = _customer(customer)
        for order in customer["orders"]:
            found[order["id"]] = (who, _order(order, who, items))
    return found


def _customer(data: dict[str, Any]) -> Customer:
    methods = tuple(
        PaymentMethod(**{**m, "balance": Money.of(m["balance"]) if "balance" in m else None})
        for m in data["payment_methods"]
    )
    return Customer(
        id=data["id"],
        first_name=data["first_name"],
        last_name=data["last_name"],
        email=data["email"],
        phone=data["phone"],
        loyalty_tier=data["loyalty_tier"],
        address=Address(**data["address"]),
        payment_methods=methods,
        order_ids=tuple(o["id"] for o in data["orders"]),
    )


def _order(data: dict[str, Any], who: Customer, items: dict[str, Any]) -> Order:
    lines = tuple(
        LineItem(
            item_id=item_id,
            product_id=items[item_id][0]["id"],
            name=items[item_id][0]["name"],
            category=items[item_id][0]["category"],
            price=Money.of(items[item_id][1]["price"]),
            options=items[item_id][1]["options"],
            final_sale=item_id in data.get("final_sale", ()) or items[item_id][0].get("final_sale", False),
        )
        for item_id in data["items"]
    )
    fee = Money.of(data["shipping_fee"])
    method = data["payment_method_id"]
    paid = PaymentRecord(
        transaction_type="payment",
        amount=sum((line.price for line in lines), start=fee),
        payment_method_id=method,
    )
    refunds = tuple(
        Refund(
            id=f"r{number}",
            order_id=data["id"],
            amount=Money.of(refund["amount"]),
            reason=refund["reason"],
            payment_method_id=method,
            idempotency_key=f"{data['id']}-{number}",
            created_at=_ago(refund["days_ago"]),
        )
        for number, refund in enumerate(data.get("refunds", ()))
    )
    given_back = tuple(
        PaymentRecord(transaction_type="refund", amount=r.amount, payment_method_id=method) for r in refunds
    )
    placed_on = data.get("placed_on")
    return Order(
        id=data["id"],
        customer_id=who.id,
        status=data["status"],
        items=lines,
        address=who.address,
        payments=(paid, *given_back),
        placed_at=(
            datetime.combine(placed_on, time(15), UTC) if placed_on else _ago(data["placed_days_ago"])
        ),
        shipped_at=_ago(data.get("shipped_days_ago")),
        delivered_at=_ago(data.get("delivered_days_ago")),
        expected_at=_ago(data.get("expected_days_ago")),
        carrier=data.get("carrier"),
        tracking_ids=(data["tracking_id"],) if "tracking_id" in data else (),
        shipping_fee=fee,
        refunds=refunds,
        cancel_reason=data.get("cancel_reason"),
    )


def _ago(days: int | None) -> Any:
    return None if days is None else NOW - timedelta(days=days)
