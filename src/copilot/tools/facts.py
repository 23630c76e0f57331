"""Facts about a customer, an order, an item and a call, in the vocabulary of `domain/facts`."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from copilot.domain.commerce import Address, Customer, LineItem, Money, Order, OrderStatus, PaymentSource
from copilot.domain.conditions import FactValue
from copilot.domain.facts import FACTS

Facts = dict[str, FactValue]

_UNDER_WAY = frozenset(
    {
        OrderStatus.PENDING,
        OrderStatus.PENDING_ITEM_MODIFIED,
        OrderStatus.PROCESSED,
        OrderStatus.SHIPPED,
        OrderStatus.LOST,
    }
)


def order_facts(
    customer: Customer | None, order: Order | None, item: LineItem | None, now: datetime
) -> dict[str, FactValue]:
    """What is known of `today`, `customer.*`, `order.*` and `item.*`; without `item`, the order's only one.

    Days are calendar days in UTC, as the dates shown are.
    """
    if item is None and order is not None and len(order.items) == 1:
        item = order.items[0]
    facts: Facts = {"today": describe_date(now)}
    if customer is not None:
        facts |= _customer_facts(customer)
    if order is not None:
        facts |= _order_facts(order, customer) | _date_facts(order, now)
    if item is not None:
        facts |= _item_facts(item)
    return facts


def call_facts(amount: Money | None, reason: str | None, refunded_minor: int | None) -> dict[str, FactValue]:
    """What only the policy knows: the call being decided, and the customer's refunds of a year with it."""
    facts: Facts = {}
    if refunded_minor is not None:
        facts["call.days_refunded_minor"] = refunded_minor
    if amount is not None:
        facts["call.amount_minor"] = amount.minor
    if reason is not None:
        facts["call.reason"] = reason
    return facts


def describe_date(moment: date) -> str:
    """For display, e.g. 23 November 2026 (the day in UTC)."""
    day = _day(moment)
    return f"{day.day} {day:%B} {day.year}"


def nested(facts: Mapping[str, FactValue]) -> dict[str, Any]:
    """`{"order.total": x}` as `{"order": {"total": x}}`, as templates speak of it.

    Every group of the vocabulary is there, so that a template may ask `order.status is defined`.
    """
    tree: dict[str, Any] = {name.split(".")[0]: {} for name in FACTS if "." in name}
    for name, value in facts.items():
        *groups, leaf = name.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[leaf] = value
    return tree


def _customer_facts(customer: Customer) -> Facts:
    return {
        "customer.id": customer.id,
        "customer.first_name": customer.first_name,
        "customer.last_name": customer.last_name,
        "customer.email": customer.email,
        "customer.loyalty_tier": customer.loyalty_tier or "none",
        "customer.address": describe_address(customer.address),
    }


def describe_address(address: Address) -> str:
    """On one line."""
    street = f"{address.address1}, {address.address2}" if address.address2 else address.address1
    return f"{street}, {address.city}, {address.state} {address.zip}, {address.country}"


def _order_facts(order: Order, customer: Customer | None) -> Facts:
    facts: Facts = {
        "order.found": True,
        "order.id": order.id,
        "order.status": order.status.value,
        "order.item_count": len(order.items),
        "order.item_names": ", ".join(item.name for item in order.items),
        "order.item_ids": tuple(item.item_id for item in order.items),
        "order.has_final_sale": any(item.final_sale for item in order.items),
        "order.total": str(order.total),
        "order.total_minor": order.total.minor,
        "order.refundable": str(order.refundable),
        "order.refundable_minor": order.refundable.minor,
        "order.refunded_minor": order.refunded.minor,
        "order.currency": order.currency,
    }
    if order.shipping_fee is not None:
        facts["order.shipping_fee"] = str(order.shipping_fee)
        facts["order.shipping_fee_minor"] = order.shipping_fee.minor
    if order.carrier:
        facts["order.carrier"] = order.carrier
    if order.tracking_ids:
        facts["order.tracking_id"] = order.tracking_ids[0]
    return facts | _payment_facts(order, customer)


def _payment_facts(order: Order, customer: Customer | None) -> Facts:
    """Of the last method that was charged: the one that the order stands on now."""
    charged = [p.payment_method_id for p in order.payments if p.transaction_type == "payment"]
    if not charged:
        return {}
    facts: Facts = {"order.payment_method_id": charged[-1]}
    method = next((m for m in (customer.payment_methods if customer else ()) if m.id == charged[-1]), None)
    if method is not None:
        facts["order.payment_method"] = str(method)
        facts["order.paid_by_gift_card"] = method.source is PaymentSource.GIFT_CARD
    return facts


def _date_facts(order: Order, now: datetime) -> Facts:
    facts: Facts = {}
    shown = {
        "placed": order.placed_at,
        "shipped": order.shipped_at,
        "delivered": order.delivered_at,
        "expected": order.expected_at,
    }
    facts |= {f"order.{name}_on": describe_date(at) for name, at in shown.items() if at is not None}
    if order.placed_at is not None:
        facts["order.days_since_placed"] = _days(order.placed_at, now)
    if order.delivered_at is not None:
        facts["order.days_since_delivery"] = _days(order.delivered_at, now)
    arrived = order.delivered_at or (now if order.status in _UNDER_WAY else None)
    if order.expected_at is not None and arrived is not None:
        facts["order.days_late"] = max(0, _days(order.expected_at, arrived))
    return facts


def _item_facts(item: LineItem) -> Facts:
    facts: Facts = {
        "item.id": item.item_id,
        "item.name": item.name,
        "item.price": str(item.price),
        "item.price_minor": item.price.minor,
        "item.final_sale": item.final_sale,
    }
    if item.category:
        facts["item.category"] = item.category
    return facts


def _day(moment: date) -> date:
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


def _days(earlier: datetime, later: datetime) -> int:
    return (_day(later) - _day(earlier)).days
