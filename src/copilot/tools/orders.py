"""Tools that look up and change orders and customers."""

import ast
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, DivisionByZero, InvalidOperation

from copilot.domain.commerce import Customer, LineItem, Money, Order, PaymentMethod, Product, ProductVariant
from copilot.domain.errors import InvalidInput, NotFound
from copilot.ports import OrderSystem
from copilot.tools.arguments import (
    ByEmail,
    ByNameAndZip,
    Calculation,
    CancelOrder,
    ModifyCustomerAddress,
    ModifyOrderAddress,
    ModifyOrderPayment,
    NoArguments,
    OfCustomer,
    OfItem,
    OfOrder,
    OfProduct,
    ReturnItems,
    SwapItems,
    Transfer,
)
from copilot.tools.facts import describe_address
from copilot.tools.tool import Json, Plan, Session, own_order

# ---------------------------------------------------------------- looking up


async def find_by_email(orders: OrderSystem, session: Session, arguments: ByEmail) -> Json:
    return _identified(session, await orders.find_customer_by_email(arguments.email))


async def find_by_name_zip(orders: OrderSystem, session: Session, arguments: ByNameAndZip) -> Json:
    found = await orders.find_customer_by_name_zip(arguments.first_name, arguments.last_name, arguments.zip)
    return _identified(session, found)


def _identified(session: Session, customer: Customer) -> Json:
    """Only the id; once a customer is verified, nobody else can be looked for."""
    if session.customer_id not in (None, customer.id):
        raise NotFound("No such customer.")
    return {"user_id": customer.id}


async def customer_details(orders: OrderSystem, session: Session, arguments: OfCustomer) -> Json:
    session.refuse_other_customer(arguments.user_id)
    customer = await orders.get_customer(session.verified_customer())
    return {"customer": customer.model_dump(mode="json")}


async def order_details(orders: OrderSystem, session: Session, arguments: OfOrder) -> Json:
    return {"order": (await own_order(orders, session, arguments.order_id)).model_dump(mode="json")}


async def product_details(orders: OrderSystem, _session: Session, arguments: OfProduct) -> Json:
    return {"product": (await orders.get_product(arguments.product_id)).model_dump(mode="json")}


async def item_details(orders: OrderSystem, _session: Session, arguments: OfItem) -> Json:
    for product in await orders.list_products():
        for variant in product.variants:
            if variant.item_id == arguments.item_id:
                return {"item": variant.model_dump(mode="json") | {"name": product.name}}
    raise NotFound(f"There is no item {arguments.item_id}.")


async def product_types(orders: OrderSystem, _session: Session, _arguments: NoArguments) -> Json:
    products = await orders.list_products()
    return {"products": {p.name: p.id for p in sorted(products, key=lambda p: p.name)}}


async def calculate(_orders: OrderSystem, _session: Session, arguments: Calculation) -> Json:
    try:
        value = _evaluate(ast.parse(arguments.expression, mode="eval").body)
        return {"result": str(value.quantize(Decimal("0.01")))}
    except (SyntaxError, InvalidOperation, DivisionByZero, RecursionError) as error:
        raise InvalidInput(
            "The expression cannot be calculated.",
            where="expression",
            hint="Use numbers, + - * / and parentheses.",
        ) from error


_OPERATIONS: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _evaluate(node: ast.expr) -> Decimal:
    """Sums and products over decimals, nothing else that Python's syntax has."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return Decimal(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _evaluate(operand)
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATIONS:
            return _OPERATIONS[type(operation)](_evaluate(left), _evaluate(right))
    raise SyntaxError("not arithmetic")


async def transfer(_orders: OrderSystem, _session: Session, arguments: Transfer) -> Json:
    """Changes nothing in the shop: the panel offers the hand-over with this note."""
    return {"transfer": {"summary": arguments.summary}}


# ---------------------------------------------------------------- working out what a call would do


async def _customer(orders: OrderSystem, session: Session) -> Customer:
    return await orders.get_customer(session.verified_customer())


def payment_method(customer: Customer, method_id: str) -> PaymentMethod:
    for method in customer.payment_methods:
        if method.id == method_id:
            return method
    raise InvalidInput(
        f"The customer has no payment method {method_id}.",
        where="payment_method_id",
        hint=f"Use one of: {', '.join(m.id for m in customer.payment_methods) or 'none on file'}.",
    )


def name_of_method(customer: Customer, method_id: str) -> str:
    """For display, e.g. Visa …8421; also for a method that the customer has removed since."""
    return next((str(m) for m in customer.payment_methods if m.id == method_id), method_id)


def _picked(order: Order, item_ids: Sequence[str]) -> tuple[LineItem, ...]:
    """The lines meant, each as often as it is named."""
    left = Counter(item.item_id for item in order.items)
    left.subtract(item_ids)
    missing = [item_id for item_id in dict.fromkeys(item_ids) if left[item_id] < 0]
    if missing:
        raise InvalidInput(
            f"Order {order.id} does not hold {', '.join(missing)} that many times.",
            where="item_ids",
            hint=f"Its items: {', '.join(item.item_id for item in order.items)}.",
        )
    by_id = {item.item_id: item for item in order.items}
    return tuple(by_id[item_id] for item_id in item_ids)


async def _replacements(
    orders: OrderSystem, items: Iterable[LineItem], new_item_ids: Sequence[str]
) -> list[tuple[Product, ProductVariant]]:
    found = []
    for item, new_id in zip(items, new_item_ids, strict=True):
        product = await orders.get_product(item.product_id)
        variant = next((v for v in product.variants if v.item_id == new_id), None)
        if variant is None:
            raise InvalidInput(
                f"{new_id} is not an option of {product.name}.",
                where="new_item_ids",
                hint="An item can only be swapped for another option of the same product.",
            )
        found.append((product, variant))
    return found


def _total(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, start=Money(minor=0, currency=currency))


def _names(names: Iterable[str]) -> str:
    return ", ".join(name if n == 1 else f"{n} x {name}" for name, n in Counter(names).items())


def _share(items: Sequence[LineItem], order: Order) -> str:
    return f"{len(items)} of {len(order.items)} items" if len(order.items) > 1 else "the only item"


def _option(product: Product, variant: ProductVariant) -> str:
    return f"{product.name} ({', '.join(variant.options.values())})" if variant.options else product.name


async def plan_cancel(orders: OrderSystem, session: Session, arguments: CancelOrder) -> Plan:
    order = await own_order(orders, session, arguments.order_id)
    customer = await _customer(orders, session)
    methods = dict.fromkeys(p.payment_method_id for p in order.payments)
    paid_with = " and ".join(name_of_method(customer, m) for m in methods if order.refundable_to(m).minor > 0)
    return Plan(
        preview=f"Cancel {order.id} ({arguments.reason}), "
        f"refund {order.refundable} to {paid_with or 'nobody'}",
        customer=customer,
        order=order,
        amount=order.refundable,
        reason=arguments.reason,
    )


async def plan_return(orders: OrderSystem, session: Session, arguments: ReturnItems) -> Plan:
    order = await own_order(orders, session, arguments.order_id)
    customer = await _customer(orders, session)
    items = _picked(order, arguments.item_ids)
    amount = _total((item.price for item in items), order.currency)
    method = payment_method(customer, arguments.payment_method_id)
    return Plan(
        preview=f"Return {_share(items, order)} of {order.id} "
        f"({_names(item.name for item in items)}), refund {amount} to {method} once they are back",
        customer=customer,
        order=order,
        items=items,
        amount=amount,
    )


async def plan_exchange(orders: OrderSystem, session: Session, arguments: SwapItems) -> Plan:
    return await _plan_swap(orders, session, arguments, verb="Exchange")


async def plan_modify_items(orders: OrderSystem, session: Session, arguments: SwapItems) -> Plan:
    return await _plan_swap(orders, session, arguments, verb="Change")


async def _plan_swap(orders: OrderSystem, session: Session, arguments: SwapItems, *, verb: str) -> Plan:
    order = await own_order(orders, session, arguments.order_id)
    customer = await _customer(orders, session)
    items = _picked(order, arguments.item_ids)
    new = await _replacements(orders, items, arguments.new_item_ids)
    method = payment_method(customer, arguments.payment_method_id)
    amount = _total((i.price for i in items), order.currency) - _total(
        (v.price for _, v in new), order.currency
    )
    return Plan(
        preview=f"{verb} {_share(items, order)} of {order.id}: "
        f"{_names(item.name for item in items)} for {_names(_option(p, v) for p, v in new)}, "
        f"{_difference(amount, method)}",
        customer=customer,
        order=order,
        items=items,
        amount=amount,
    )


def _difference(amount: Money, method: PaymentMethod) -> str:
    if amount.minor == 0:
        return "no difference in price"
    owed = Money(minor=abs(amount.minor), currency=amount.currency)
    return f"refund {owed} to {method}" if amount.minor > 0 else f"charge {owed} to {method}"


async def plan_order_address(orders: OrderSystem, session: Session, arguments: ModifyOrderAddress) -> Plan:
    order = await own_order(orders, session, arguments.order_id)
    return Plan(
        preview=f"Send {order.id} to {describe_address(arguments.address)} "
        f"instead of {describe_address(order.address)}",
        customer=await _customer(orders, session),
        order=order,
    )


async def plan_order_payment(orders: OrderSystem, session: Session, arguments: ModifyOrderPayment) -> Plan:
    order = await own_order(orders, session, arguments.order_id)
    customer = await _customer(orders, session)
    method = payment_method(customer, arguments.payment_method_id)
    before = " and ".join(
        name_of_method(customer, m) for m in dict.fromkeys(p.payment_method_id for p in order.payments)
    )
    return Plan(
        preview=f"Charge {order.refundable} for {order.id} to {method}, give it back to {before}",
        customer=customer,
        order=order,
    )


async def plan_customer_address(
    orders: OrderSystem, session: Session, arguments: ModifyCustomerAddress
) -> Plan:
    session.refuse_other_customer(arguments.user_id)
    customer = await _customer(orders, session)
    return Plan(
        preview=f"Change the address of {customer.first_name} {customer.last_name} "
        f"to {describe_address(arguments.address)}",
        customer=customer,
    )


# ---------------------------------------------------------------- doing it


async def cancel(orders: OrderSystem, _customer_id: str, arguments: CancelOrder, *, key: str) -> Json:
    return _order(await orders.cancel_order(arguments.order_id, arguments.reason, key=key))


async def return_items(orders: OrderSystem, _customer_id: str, arguments: ReturnItems, *, key: str) -> Json:
    done = await orders.return_items(
        arguments.order_id, arguments.item_ids, arguments.payment_method_id, key=key
    )
    return _order(done)


async def exchange_items(orders: OrderSystem, _customer_id: str, arguments: SwapItems, *, key: str) -> Json:
    done = await orders.exchange_items(
        arguments.order_id, arguments.item_ids, arguments.new_item_ids, arguments.payment_method_id, key=key
    )
    return _order(done)


async def modify_items(orders: OrderSystem, _customer_id: str, arguments: SwapItems, *, key: str) -> Json:
    done = await orders.modify_items(
        arguments.order_id, arguments.item_ids, arguments.new_item_ids, arguments.payment_method_id, key=key
    )
    return _order(done)


async def modify_order_address(
    orders: OrderSystem, _customer_id: str, arguments: ModifyOrderAddress, *, key: str
) -> Json:
    return _order(
        await orders.modify_order_address(arguments.order_id, arguments.address.model_dump(), key=key)
    )


async def modify_order_payment(
    orders: OrderSystem, _customer_id: str, arguments: ModifyOrderPayment, *, key: str
) -> Json:
    return _order(await orders.modify_order_payment(arguments.order_id, arguments.payment_method_id, key=key))


async def modify_customer_address(
    orders: OrderSystem, customer_id: str, arguments: ModifyCustomerAddress, *, key: str
) -> Json:
    customer = await orders.modify_customer_address(customer_id, arguments.address.model_dump(), key=key)
    return {"customer": customer.model_dump(mode="json")}


def _order(order: Order) -> Json:
    return {"order": order.model_dump(mode="json")}
