"""Every unit of an order is settled once: what is refunded as broken or lost is not sent back as well.

Policy looks at one call at a time; both of two calls can be right, and wrong together.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from copilot.domain.actions import ToolCall
from copilot.domain.commerce import Order
from copilot.domain.errors import Conflict
from copilot.tools.arguments import RefundOrder, RefundReason

_SENDING_BACK = frozenset({"return_delivered_order_items", "exchange_delivered_order_items"})
_REFUND = "refund_order"
_FOR_THE_GOODS = frozenset({RefundReason.DAMAGED_OR_DEFECTIVE.value, RefundReason.LOST_PARCEL.value})
"""A late delivery's fee or goodwill settles nothing: such an item can still be sent back."""


def settles(call: ToolCall) -> bool:
    """Whether the call decides what becomes of goods that were delivered."""
    if call.tool == _REFUND:
        return str(call.arguments.get("reason")) in _FOR_THE_GOODS
    return call.tool in _SENDING_BACK


def refuse_settled(order: Order, call: ToolCall, under_way: Sequence[ToolCall]) -> None:
    """`Conflict` when the call settles goods that the order, or a call under way, settles otherwise.

    A refund names an amount and no item: it is taken to be for the item of that price that is not sent back.
    `under_way` are calls that may have been done and may not show in the order yet.
    """
    if not settles(call):
        return
    recorded = {refund.idempotency_key for refund in order.refunds}
    others = [c for c in under_way if settles(c) and _concerns(c, order) and c.id not in recorded]
    back, kept = _divided(order, [*others, call])
    refunds = [*_recorded(order), *(_minor(c, order) for c in (*others, call) if c.tool == _REFUND)]
    if not back or not refunds:
        return
    for amount in refunds:
        if amount in kept:
            kept.remove(amount)
        elif amount in back:
            raise _conflict(order)
    paid = order.total.minor
    if paid and sum(refunds) + sum(back) > paid:
        raise _conflict(order)


def _divided(order: Order, calls: Sequence[ToolCall]) -> tuple[list[int], list[int]]:
    """Prices of the units that are or will be sent back, and of the others."""
    asked = Counter(order.request.item_ids if order.request is not None else ())
    for call in calls:
        if call.tool in _SENDING_BACK:
            asked |= Counter(map(str, call.arguments.get("item_ids", ())))
    back: list[int] = []
    kept: list[int] = []
    for item in order.items:
        going = asked[item.item_id] > 0
        asked[item.item_id] -= going
        (back if going else kept).append(item.price.minor)
    return back, kept


def _recorded(order: Order) -> Iterator[int]:
    return (refund.amount.minor for refund in order.refunds if refund.reason in _FOR_THE_GOODS)


def _minor(call: ToolCall, order: Order) -> int:
    return RefundOrder.model_validate(call.arguments).money(order.currency).minor


def _concerns(call: ToolCall, order: Order) -> bool:
    return str(call.arguments.get("order_id", "")).strip("# ").casefold() == order.id.strip("# ").casefold()


def _conflict(order: Order) -> Conflict:
    return Conflict(
        f"An item of {order.id} would be both refunded and sent back.",
        where="order_id",
        hint="Settle it one way: cancel the other first, or leave it.",
    )
