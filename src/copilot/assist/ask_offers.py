"""What a representative could offer for an order: each possible call is put to policy, none is proposed."""

from typing import Any

from copilot.assist.ask_desk import AskDesk
from copilot.assist.situation import Situation
from copilot.domain.actions import PolicyDecision, PolicyOutcome
from copilot.domain.commerce import Money, Order, OrderStatus

_PENDING = frozenset({OrderStatus.PENDING, OrderStatus.PENDING_ITEM_MODIFIED})
_TRIES = 7
_Call = tuple[str, dict[str, Any]]


class Offers:
    """Over the desk of one question."""

    def __init__(self, desk: AskDesk) -> None:
        self._desk = desk

    def ways_back(self, situation: Situation) -> list[_Call]:
        """The calls that give money back for an order of this status, the most usual first."""
        order = situation.order
        if order is None:
            return []
        if order.status in _PENDING or order.status is OrderStatus.PROCESSED:
            return [("cancel_pending_order", {"order_id": order.id, "reason": "no longer needed"})]
        method = situation.facts.get("order.payment_method_id")
        calls: list[_Call] = []
        if order.status is OrderStatus.DELIVERED and method is not None:
            item_ids = [i.item_id for i in order.items]
            call = {"order_id": order.id, "item_ids": item_ids, "payment_method_id": method}
            calls.append(("return_delivered_order_items", call))
        if order.status in {OrderStatus.SHIPPED, OrderStatus.LOST}:
            calls.append(("refund_order", _refund(order, order.refundable, "lost_parcel")))
        return calls

    async def possible(self, situation: Situation) -> list[tuple[str, PolicyDecision]]:
        """(what it would do, policy's word) of every way that is not denied."""
        order = situation.order
        if order is None:
            return []
        found = []
        for tool, arguments in self.ways_back(situation):
            assessment = await self._desk.assess(tool, arguments)
            if assessment is not None:
                found.append((assessment.preview, assessment.decision))
        if (goodwill := await self._most_goodwill(order)) is not None:
            found.append(goodwill)
        return [
            (preview, decision) for preview, decision in found if decision.outcome is not PolicyOutcome.DENY
        ]

    async def _most_goodwill(self, order: Order) -> tuple[str, PolicyDecision] | None:
        """The highest refund, in whole units of the currency, that policy allows without a return."""
        low, high = 0, order.refundable.minor // 100
        best: tuple[str, PolicyDecision] | None = None
        for attempt in range(_TRIES):
            if low >= high:
                break
            amount = high if attempt == 0 else (low + high + 1) // 2
            found = await self._quietly(order, Money(minor=amount * 100, currency=order.currency))
            if found is not None and found[1].outcome is PolicyOutcome.ALLOW:
                best, low = found, amount
            else:
                high = amount - 1
        if best is not None:
            await self._desk.decided("refund_order", *best)
        return best

    async def _quietly(self, order: Order, amount: Money) -> tuple[str, PolicyDecision] | None:
        """One try of a search for the limit; only its outcome is shown as a step."""
        assessment = await self._desk.peek("refund_order", _refund(order, amount, "goodwill"))
        return (assessment.preview, assessment.decision) if assessment else None


def _refund(order: Order, amount: Money, reason: str) -> dict[str, Any]:
    return {"order_id": order.id, "amount": f"{amount.minor / 100:.2f}", "reason": reason}
