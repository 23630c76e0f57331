"""What a shop does with its orders, pure: the semantics of tau-bench's retail tools, and refunds.

Each function returns the order and the customer as they are afterwards, or raises `ToolFailed` with the
shop's reason. The embedded shop, the tau-bench database and the fake differ only in where they keep them.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from copilot.domain.commerce import (
    Address,
    Customer,
    ItemRequest,
    LineItem,
    Money,
    Order,
    OrderStatus,
    PaymentMethod,
    PaymentRecord,
    PaymentSource,
    ProductVariant,
    Refund,
)
from copilot.domain.errors import ToolFailed

CANCEL_REASONS = ("no longer needed", "ordered by mistake")

FindVariant = Callable[[str, str], ProductVariant | None]
"""(product id, item id) → the variant, or None when the product has no such option."""


@dataclass(frozen=True, slots=True)
class Change:
    order: Order
    customer: Customer


def cancel(order: Order, customer: Customer, reason: str, *, key: str, now: datetime) -> Change:
    """Everything not refunded yet goes back as it was paid; to a gift card at once."""
    _require_status(order, OrderStatus.PENDING)
    if reason not in CANCEL_REASONS:
        raise ToolFailed(
            f"{reason!r} is no reason to cancel.", hint=f"Use one of: {', '.join(CANCEL_REASONS)}."
        )
    cancelled = order.model_copy(update={"status": OrderStatus.CANCELLED, "cancel_reason": reason})
    change = Change(cancelled, customer)
    for method_id in dict.fromkeys(p.payment_method_id for p in order.payments):
        amount = order.refundable_to(method_id)
        if amount.minor > 0:
            change = _give_back(change, amount, method_id, reason="cancelled", key=key, now=now)
    return change


def refund(
    order: Order, customer: Customer, amount: Money, reason: str, *, key: str, now: datetime
) -> Change:
    """To the first method paid with that can take all of it back; never more than was paid."""
    if amount.minor <= 0 or amount.currency != order.currency:
        raise ToolFailed(
            f"{amount} cannot be refunded.", hint=f"Refund a positive amount in {order.currency}."
        )
    method_id = order.refund_method(amount)
    if method_id is None:
        raise ToolFailed(
            f"{amount} is more than is left to refund on {order.id}: {order.refundable}.", hint="Refund less."
        )
    return _give_back(Change(order, customer), amount, method_id, reason=reason, key=key, now=now)


def return_items(order: Order, customer: Customer, item_ids: Sequence[str], payment_method_id: str) -> Change:
    """Only a request: money moves when the items are back. To the original method or a gift card."""
    _require_status(order, OrderStatus.DELIVERED)
    method = _method(customer, payment_method_id)
    _pick(order, item_ids)
    if method.source is not PaymentSource.GIFT_CARD and method.id != order.payments[0].payment_method_id:
        raise ToolFailed(
            "A return is refunded to the original payment method or a gift card.",
            hint=f"Use {order.payments[0].payment_method_id} or a gift card.",
        )
    request = ItemRequest(item_ids=tuple(sorted(item_ids)), payment_method_id=method.id)
    return Change(
        order.model_copy(update={"status": OrderStatus.RETURN_REQUESTED, "request": request}), customer
    )


def exchange_items(
    order: Order,
    customer: Customer,
    item_ids: Sequence[str],
    new_item_ids: Sequence[str],
    payment_method_id: str,
    find_variant: FindVariant,
) -> Change:
    """Only a request; refused when a gift card could not pay the difference."""
    _require_status(order, OrderStatus.DELIVERED)
    swaps = _swaps(order, item_ids, new_item_ids, find_variant)
    method = _method(customer, payment_method_id)
    difference = _difference(order, swaps)
    _require_balance(method, difference)
    request = ItemRequest(
        item_ids=tuple(sorted(item_ids)),
        new_item_ids=tuple(sorted(new_item_ids)),
        payment_method_id=method.id,
        price_difference=difference,
    )
    return Change(
        order.model_copy(update={"status": OrderStatus.EXCHANGE_REQUESTED, "request": request}), customer
    )


def modify_items(
    order: Order,
    customer: Customer,
    item_ids: Sequence[str],
    new_item_ids: Sequence[str],
    payment_method_id: str,
    find_variant: FindVariant,
) -> Change:
    """Swaps the items and settles the difference at once; an order can be modified once."""
    _require_status(order, OrderStatus.PENDING)
    swaps = _swaps(order, item_ids, new_item_ids, find_variant)
    method = _method(customer, payment_method_id)
    difference = _difference(order, swaps)
    _require_balance(method, difference)
    record = PaymentRecord(
        transaction_type="payment" if difference.minor > 0 else "refund",
        amount=Money(minor=abs(difference.minor), currency=difference.currency),
        payment_method_id=method.id,
    )
    modified = order.model_copy(
        update={
            "status": OrderStatus.PENDING_ITEM_MODIFIED,
            "items": _swapped(order.items, swaps),
            "payments": (*order.payments, record),
        }
    )
    return Change(modified, _credited(customer, method.id, -difference.minor))


def modify_payment(order: Order, customer: Customer, payment_method_id: str) -> Change:
    """Charges the new method and gives the money back to the old one."""
    _require_status(order, OrderStatus.PENDING)
    method = _method(customer, payment_method_id)
    if len(order.payments) != 1 or order.payments[0].transaction_type != "payment":
        raise ToolFailed(
            f"{order.id} does not have exactly one payment.", hint="Its payment cannot be changed."
        )
    (paid,) = order.payments
    if paid.payment_method_id == method.id:
        raise ToolFailed(
            f"{order.id} is already paid with {method}.", hint="Choose a different payment method."
        )
    _require_balance(method, paid.amount)
    charged = paid.model_copy(update={"payment_method_id": method.id})
    returned = paid.model_copy(update={"transaction_type": "refund"})
    customer = _credited(customer, method.id, -paid.amount.minor)
    return Change(
        order.model_copy(update={"payments": (paid, charged, returned)}),
        _credited(customer, paid.payment_method_id, paid.amount.minor),
    )


def modify_address(order: Order, customer: Customer, address: Mapping[str, str], *, strict: bool) -> Change:
    """`strict`: not even when only items were modified (tau-bench 1)."""
    if strict or order.status is not OrderStatus.PENDING_ITEM_MODIFIED:
        _require_status(order, OrderStatus.PENDING)
    return Change(order.model_copy(update={"address": Address(**address)}), customer)


# ---------------------------------------------------------------- parts


def _require_status(order: Order, status: OrderStatus) -> None:
    if order.status is not status:
        raise ToolFailed(f"{order.id} is {order.status.value}, not {status.value}.", hint="Look at it again.")


def _method(customer: Customer, method_id: str) -> PaymentMethod:
    for method in customer.payment_methods:
        if method.id == method_id:
            return method
    raise ToolFailed(f"The customer has no payment method {method_id}.", hint="Choose one on file.")


def _require_balance(method: PaymentMethod, needed: Money) -> None:
    if method.balance is not None and method.balance.minor < needed.minor:
        raise ToolFailed(
            f"The gift card holds {method.balance}, not {needed}.", hint="Choose another method."
        )


def _pick(order: Order, item_ids: Sequence[str]) -> None:
    have = Counter(item.item_id for item in order.items)
    for item_id, wanted in Counter(item_ids).items():
        if have[item_id] < wanted:
            raise ToolFailed(f"{order.id} holds {item_id} {have[item_id]} times, not {wanted}.")
    if not item_ids:
        raise ToolFailed("No item was named.", hint="Name at least one item of the order.")


def _swaps(
    order: Order, item_ids: Sequence[str], new_item_ids: Sequence[str], find_variant: FindVariant
) -> list[tuple[str, ProductVariant]]:
    _pick(order, item_ids)
    if len(item_ids) != len(new_item_ids):
        raise ToolFailed(
            "There is not one new item for each old one.", hint="Name as many new items as old ones."
        )
    products = {item.item_id: item.product_id for item in order.items}
    swaps = []
    for old, new in zip(item_ids, new_item_ids, strict=True):
        variant = find_variant(products[old], new)
        if variant is None or not variant.available:
            raise ToolFailed(
                f"Item {new} is not available for {old}.", hint="Choose another option in stock."
            )
        swaps.append((old, variant))
    return swaps


def _difference(order: Order, swaps: Sequence[tuple[str, ProductVariant]]) -> Money:
    prices = {item.item_id: item.price for item in order.items}
    zero = Money(minor=0, currency=order.currency)
    return sum((new.price - prices[old] for old, new in swaps), start=zero)


def _swapped(items: Sequence[LineItem], swaps: Sequence[tuple[str, ProductVariant]]) -> tuple[LineItem, ...]:
    result = list(items)
    for old, new in swaps:
        at = next(i for i, item in enumerate(result) if item.item_id == old)
        result[at] = result[at].model_copy(
            update={"item_id": new.item_id, "price": new.price, "options": dict(new.options)}
        )
    return tuple(result)


def _give_back(
    change: Change, amount: Money, method_id: str, *, reason: str, key: str, now: datetime
) -> Change:
    order = change.order
    done = Refund(
        id=refund_id(key, method_id),
        order_id=order.id,
        amount=amount,
        reason=reason,
        payment_method_id=method_id,
        idempotency_key=key,
        created_at=now,
    )
    record = PaymentRecord(transaction_type="refund", amount=amount, payment_method_id=method_id)
    return Change(
        order.model_copy(update={"payments": (*order.payments, record), "refunds": (*order.refunds, done)}),
        _credited(change.customer, method_id, amount.minor),
    )


def refund_id(key: str, method_id: str) -> str:
    """The same refund has the same id however often it is asked for."""
    return "re_" + hashlib.sha256(f"{key} {method_id}".encode()).hexdigest()[:20]


def _credited(customer: Customer, method_id: str, minor: int) -> Customer:
    """A gift card's balance changes at once; other methods settle elsewhere."""
    methods = tuple(
        m.model_copy(update={"balance": Money(minor=m.balance.minor + minor, currency=m.balance.currency)})
        if m.id == method_id and m.balance is not None
        else m
        for m in customer.payment_methods
    )
    return customer.model_copy(update={"payment_methods": methods})
