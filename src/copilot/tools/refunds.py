"""The tool that gives money back, and how to find out whether it did."""

from copilot.domain.actions import ToolCall
from copilot.domain.commerce import Money, Order
from copilot.domain.errors import InvalidInput
from copilot.ports import OrderSystem
from copilot.tools.arguments import REASONS_WITH_RETURN, CancelOrder, RefundOrder
from copilot.tools.orders import name_of_method
from copilot.tools.tool import Json, Plan, Session, own_order


async def plan_refund(orders: OrderSystem, session: Session, arguments: RefundOrder) -> Plan:
    """`InvalidInput` when no single payment can take it back; too much in all is for the policy to deny."""
    order = await own_order(orders, session, arguments.order_id)
    amount = arguments.money(order.currency)
    method_id = _method_id(order, amount)
    customer = await orders.get_customer(session.verified_customer())
    note = f" ({arguments.note})" if arguments.note else ""
    return Plan(
        preview=f"Refund {amount} to {name_of_method(customer, method_id)} for {order.id}: "
        f"{arguments.reason}{note}",
        customer=customer,
        order=order,
        amount=amount,
        reason=arguments.reason.value,
        counts_as_refund=arguments.reason not in REASONS_WITH_RETURN,
    )


def _method_id(order: Order, amount: Money) -> str:
    if (fitting := order.refund_method(amount)) is not None:
        return fitting
    paid = next((p.payment_method_id for p in order.payments if p.transaction_type == "payment"), None)
    if paid is None or amount.minor <= order.refundable.minor:
        raise InvalidInput(
            f"{amount} cannot be refunded to one payment method of {order.id}.",
            where="amount",
            hint="Refund an order that was paid with two methods to one at a time.",
        )
    return paid


async def refund(orders: OrderSystem, customer_id: str, arguments: RefundOrder, *, key: str) -> Json:
    order = await orders.get_order(arguments.order_id)
    if order.customer_id != customer_id:
        raise InvalidInput("The order is not the verified customer's.", where="order_id")
    done = await orders.refund(
        arguments.order_id, arguments.money(order.currency), arguments.reason.value, key=key
    )
    return {"refund": done.model_dump(mode="json")}


async def find_refund(orders: OrderSystem, arguments: RefundOrder, *, key: str) -> Json | None:
    """The refund that the order system recorded under our key."""
    for done in await orders.refunds(arguments.order_id):
        if done.idempotency_key == key:
            return {"refund": done.model_dump(mode="json")}
    return None


async def find_cancellation(orders: OrderSystem, arguments: CancelOrder, *, key: str) -> Json | None:
    """The cancelled order, when one of its refunds carries our key."""
    if any(done.idempotency_key == key for done in await orders.refunds(arguments.order_id)):
        return {"order": (await orders.get_order(arguments.order_id)).model_dump(mode="json")}
    return None


def counts_as_refund(call: ToolCall) -> bool:
    """Whether the call refunds without a return, of which a customer may get so much a year."""
    return call.tool == "refund_order" and call.arguments.get("reason") not in REASONS_WITH_RETURN
