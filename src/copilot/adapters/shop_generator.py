"""Invented customers and orders in every state, the same ones for the same anchor."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count

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
    Product,
    ProductVariant,
    Refund,
)

_SEED = 20_261_123


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST = _words(
    """Ada Amir Beatriz Ben Carla Chidi Dana Diego Elena Emil Farah Felix Grace Hana Hugo Imani Ines Jonas Kai
    Lena Liam Mara Mateo Nadia Noor Olga Omar Paul Priya Quinn Rosa Ruben Sara Theo Uma Victor Wen Yara Zoe"""
)
_LAST = _words(
    """Abbott Bauer Castillo Dunn Eriksen Fischer Garner Hayashi Ivers Jansen Keller Lindgren Marsh Novak Osei
    Petrov Quigley Rao Santos Tran Ueda Vance Whitaker Xiong Yates Zeller"""
)
_STREETS = ("Birch Lane", "Canal Street", "Orchard Road", "Mill Pond Way", "Prospect Avenue", "Quarry Hill")
_CITIES = (
    ("Des Moines", "IA", "503"),
    ("Madison", "WI", "537"),
    ("Saint Paul", "MN", "551"),
    ("Columbus", "OH", "432"),
    ("Boise", "ID", "837"),
    ("Portland", "ME", "041"),
    ("Tucson", "AZ", "857"),
    ("Raleigh", "NC", "276"),
)
_TIERS = (None, None, None, "bronze", "bronze", "silver", "gold")
_STATES: dict[OrderStatus, int] = {
    OrderStatus.DELIVERED: 50,
    OrderStatus.SHIPPED: 13,
    OrderStatus.PENDING: 12,
    OrderStatus.PROCESSED: 6,
    OrderStatus.CANCELLED: 6,
    OrderStatus.RETURN_REQUESTED: 5,
    OrderStatus.EXCHANGE_REQUESTED: 3,
    OrderStatus.PENDING_ITEM_MODIFIED: 3,
    OrderStatus.LOST: 2,
}
_ARRIVED = (OrderStatus.DELIVERED, OrderStatus.RETURN_REQUESTED, OrderStatus.EXCHANGE_REQUESTED)
_SENT = (*_ARRIVED, OrderStatus.SHIPPED, OrderStatus.LOST)
_TODAY = (OrderStatus.PENDING, OrderStatus.PENDING_ITEM_MODIFIED, OrderStatus.PROCESSED)
_FREE_SHIPPING_FROM = 7_500
_SHIPPING = Money(minor=695)
_Item = tuple[Product, ProductVariant]


def generate(
    products: Sequence[Product],
    final_sale: frozenset[str],
    taken: frozenset[str],
    anchor: date,
    customers: int,
    orders: int,
) -> list[tuple[Customer, tuple[Order, ...]]]:
    """`customers` with `orders` among them; `taken` are order numbers already given.

    Dates count back from `anchor`; `final_sale` are ids of products that cannot be returned.
    """
    chance = random.Random(_SEED)  # noqa: S311 - invented data, no secret
    people = [_person(chance, number) for number in range(customers)]
    numbers = _order_numbers(chance, taken)
    # Everybody has an order, some have many.
    owners = [*people, *chance.choices(people, k=max(0, orders - customers))][:orders]
    states = chance.choices(list(_STATES), weights=list(_STATES.values()), k=len(owners))
    states[: len(_STATES)] = _STATES  # each at least once
    of: dict[str, list[Order]] = {person.id: [] for person in people}
    items = [(p, v) for p in products for v in p.variants]
    for owner, status in zip(owners, states, strict=True):
        basket = chance.choices(items, k=chance.choice((1, 1, 1, 2, 2, 3)))
        of[owner.id].append(_order(chance, next(numbers), owner, basket, final_sale, status, anchor))
    return [
        (p.model_copy(update={"order_ids": tuple(o.id for o in of[p.id])}), tuple(of[p.id])) for p in people
    ]


def order_number(six_digits: int) -> str:
    """`LF-`, the six digits, and their Luhn check digit."""
    digits = [int(d) for d in f"{six_digits:06d}"]
    doubled = [d if n % 2 else sum(divmod(2 * d, 10)) for n, d in enumerate(reversed(digits))]
    return f"LF-{six_digits:06d}{-sum(doubled) % 10}"


def _order_numbers(chance: random.Random, taken: frozenset[str]) -> Iterator[str]:
    for six_digits in count(110_000):
        number = order_number(six_digits + chance.randrange(5) - 2)
        if six_digits % 5 == 0 and number not in taken:
            yield number


def _person(chance: random.Random, number: int) -> Customer:
    first, last = _FIRST[number % len(_FIRST)], _LAST[(number * 7 + number // len(_FIRST)) % len(_LAST)]
    city, state, zip_start = chance.choice(_CITIES)
    serial = f"{6_000 + number}"
    return Customer(
        id=f"{first}_{last}_{serial}".lower(),
        first_name=first,
        last_name=last,
        email=f"{first}.{last}{serial}@example.com".lower(),
        phone=f"+1-555-{serial}",
        loyalty_tier=chance.choice(_TIERS),
        address=Address(
            address1=f"{chance.randrange(1, 999)} {chance.choice(_STREETS)}",
            address2=chance.choice(("", "", f"Apt {chance.randrange(1, 60)}")),
            city=city,
            state=state,
            country="USA",
            zip=f"{zip_start}{number % 100:02d}",
        ),
        payment_methods=_methods(chance, serial),
    )


def _methods(chance: random.Random, serial: str) -> tuple[PaymentMethod, ...]:
    card = PaymentMethod(
        id=f"credit_card_{serial}{chance.randrange(1000):03d}",
        source=PaymentSource.CREDIT_CARD,
        brand=chance.choice(("visa", "mastercard")),
        last_four=f"{chance.randrange(10_000):04d}",
    )
    paypal = PaymentMethod(id=f"paypal_{serial}{chance.randrange(1000):03d}", source=PaymentSource.PAYPAL)
    gift_card = PaymentMethod(
        id=f"gift_card_{serial}{chance.randrange(1000):03d}",
        source=PaymentSource.GIFT_CARD,
        balance=Money(minor=500 * chance.randrange(0, 41)),
    )
    return chance.choice(((card,), (card, gift_card), (paypal, card), (gift_card, card), (paypal, gift_card)))


def _order(
    chance: random.Random,
    number: str,
    owner: Customer,
    basket: Sequence[_Item],
    final_sale: frozenset[str],
    status: OrderStatus,
    anchor: date,
) -> Order:
    items = tuple(_line(product, variant, final_sale, _one_in(chance, 25)) for product, variant in basket)
    goods = sum((i.price for i in items), start=Money(minor=0))
    fee = Money(minor=0) if goods.minor >= _FREE_SHIPPING_FROM else _SHIPPING
    method = chance.choice(owner.payment_methods)
    days = _days(chance, status)
    order = Order(
        id=number,
        customer_id=owner.id,
        status=status,
        items=items,
        address=owner.address,
        payments=(
            PaymentRecord(transaction_type="payment", amount=goods + fee, payment_method_id=method.id),
        ),
        placed_at=_at(anchor, days["placed"], 1),
        shipped_at=_at(anchor, days["shipped"], 2) if status in _SENT else None,
        expected_at=_at(anchor, days["expected"], 3),
        delivered_at=_at(anchor, days["delivered"], 3) if status in _ARRIVED else None,
        carrier=chance.choice(("UPS", "FedEx", "USPS")) if status in _SENT else None,
        tracking_ids=(f"1Z{chance.randrange(10**10):010d}",) if status in _SENT else (),
        shipping_fee=fee,
    )
    return _with_history(chance, order, method, anchor, days)


def _line(product: Product, variant: ProductVariant, final_sale: frozenset[str], clearance: bool) -> LineItem:
    return LineItem(
        item_id=variant.item_id,
        product_id=product.id,
        name=product.name,
        price=variant.price,
        options=variant.options,
        category=product.category,
        final_sale=clearance or product.id in final_sale,
    )


def _days(chance: random.Random, status: OrderStatus) -> dict[str, int]:
    """Days before the anchor; negative: still to come."""
    if status in _TODAY:
        placed = chance.randrange(0, 3)
        return {"placed": placed, "shipped": 0, "expected": placed - 6, "delivered": 0}
    if status is OrderStatus.SHIPPED:
        placed = chance.randrange(2, 14)
    elif status is OrderStatus.LOST:
        placed = chance.randrange(20, 60)
    else:
        placed = chance.choice((chance.randrange(8, 45), chance.randrange(8, 420)))
    expected = placed - 6
    late = chance.randrange(5, 9) if _one_in(chance, 12) else -chance.randrange(0, 2)
    return {
        "placed": placed,
        "shipped": placed - 1,
        "expected": expected,
        "delivered": max(0, expected - late),
    }


def _with_history(
    chance: random.Random, order: Order, method: PaymentMethod, anchor: date, days: dict[str, int]
) -> Order:
    if order.status is OrderStatus.CANCELLED:
        reason = chance.choice(("no longer needed", "ordered by mistake"))
        cancelled = order.model_copy(update={"cancel_reason": reason})
        return _refunded(cancelled, order.total, "cancelled", method, anchor, max(0, days["placed"] - 1))
    if order.status is OrderStatus.LOST and _one_in(chance, 2):
        return _refunded(order, order.total, "lost_parcel", method, anchor, max(0, days["expected"] - 11))
    if order.status in (OrderStatus.RETURN_REQUESTED, OrderStatus.EXCHANGE_REQUESTED):
        request = ItemRequest(item_ids=(order.items[0].item_id,), payment_method_id=method.id)
        return order.model_copy(update={"request": request})
    if order.status is OrderStatus.DELIVERED and _one_in(chance, 16):
        goodwill = Money(minor=chance.choice((500, 1000, 1500, 2000)))
        return _refunded(order, goodwill, "goodwill", method, anchor, max(0, days["delivered"] - 2))
    return order


def _one_in(chance: random.Random, number: int) -> bool:
    return chance.randrange(number) == 0


def _refunded(
    order: Order, amount: Money, reason: str, method: PaymentMethod, anchor: date, days_ago: int
) -> Order:
    record = PaymentRecord(transaction_type="refund", amount=amount, payment_method_id=method.id)
    refund = Refund(
        id=f"re_{order.id}_1",
        order_id=order.id,
        amount=amount,
        reason=reason,
        payment_method_id=method.id,
        idempotency_key=f"seed_{order.id}_1",
        created_at=_at(anchor, days_ago, 5),
    )
    return order.model_copy(update={"payments": (*order.payments, record), "refunds": (refund,)})


def _at(anchor: date, days_ago: int, minute: int) -> datetime:
    return datetime.combine(anchor - timedelta(days=days_ago), time(0, minute), tzinfo=UTC)
