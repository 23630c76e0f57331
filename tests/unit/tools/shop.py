"""A small shop that the tests of the tools tell their stories in."""

from datetime import UTC, datetime, timedelta

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.order_system import FakeOrderSystem
from copilot.domain.access import Principal, Role
from copilot.domain.commerce import (
    Address,
    Customer,
    LineItem,
    Money,
    Order,
    OrderStatus,
    PaymentMethod,
    PaymentRecord,
    PaymentSource,
    Product,
    ProductVariant,
)
from copilot.tools.tool import Session

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)

ADDRESS = Address(address1="12 Elm St", city="Ames", state="IA", country="USA", zip="50010")
VISA = PaymentMethod(id="card_1", source=PaymentSource.CREDIT_CARD, brand="visa", last_four="8421")
GIFT_CARD = PaymentMethod(id="gift_1", source=PaymentSource.GIFT_CARD, balance=Money.of(20))

MAYA = Customer(
    id="maya",
    first_name="Maya",
    last_name="Berg",
    email="maya@example.com",
    address=ADDRESS,
    loyalty_tier="gold",
    payment_methods=(VISA, GIFT_CARD),
    order_ids=("LF-1004820", "LF-1004838", "LF-1004846"),
)
TOM = Customer(
    id="tom",
    first_name="Tom",
    last_name="Reed",
    email="tom@example.com",
    address=ADDRESS,
    payment_methods=(VISA.model_copy(update={"id": "card_2"}),),
    order_ids=("LF-2000006",),
)

LANTERN = Product(
    id="lantern",
    name="Northlight Lantern",
    category="camping",
    variants=(
        ProductVariant(
            item_id="l-red",
            product_id="lantern",
            options={"color": "red"},
            available=True,
            price=Money.of(49),
        ),
        ProductVariant(
            item_id="l-blue",
            product_id="lantern",
            options={"color": "blue"},
            available=True,
            price=Money.of(59),
        ),
        ProductVariant(
            item_id="l-gone",
            product_id="lantern",
            options={"color": "gone"},
            available=False,
            price=Money.of(49),
        ),
    ),
)
TENT = Product(
    id="tent",
    name="Trailhead 2 Tent",
    category="camping",
    variants=(
        ProductVariant(item_id="t-1", product_id="tent", options={}, available=True, price=Money.of(189)),
    ),
)


def line(item_id: str = "l-red", *, final_sale: bool = False) -> LineItem:
    product = LANTERN if item_id.startswith("l") else TENT
    variant = next(v for v in product.variants if v.item_id == item_id)
    return LineItem(
        item_id=item_id,
        product_id=product.id,
        name=product.name,
        price=variant.price,
        options=variant.options,
        category=product.category,
        final_sale=final_sale,
    )


def order(
    order_id: str = "LF-1004820",
    *,
    customer: Customer = MAYA,
    items: tuple[LineItem, ...] = (line(),),
    status: OrderStatus = OrderStatus.DELIVERED,
    delivered_days_ago: int = 10,
) -> Order:
    delivered = NOW - timedelta(days=delivered_days_ago) if status is OrderStatus.DELIVERED else None
    paid = sum((item.price.minor for item in items), 0)
    return Order(
        id=order_id,
        customer_id=customer.id,
        status=status,
        items=items,
        address=customer.address,
        payments=(
            PaymentRecord(
                transaction_type="payment",
                amount=Money(minor=paid),
                payment_method_id=customer.payment_methods[0].id,
            ),
        ),
        placed_at=NOW - timedelta(days=delivered_days_ago + 5),
        delivered_at=delivered,
        expected_at=NOW - timedelta(days=delivered_days_ago + 1),
    )


def shop(*orders: Order) -> FakeOrderSystem:
    """Maya's delivered lantern and pending tent, Tom's lantern; or the orders given."""
    default = (
        order(),
        order("LF-1004838", items=(line("t-1"), line()), status=OrderStatus.PENDING),
        order("LF-1004846", items=(line("t-1"), line("t-1"))),
        order("LF-2000006", customer=TOM),
    )
    return FakeOrderSystem(
        FixedClock(NOW), customers=(MAYA, TOM), orders=orders or default, products=(LANTERN, TENT)
    )


def person(name: str = "rita", role: Role = Role.REPRESENTATIVE, tenant: str = "larkfield") -> Principal:
    return Principal(id=name, tenant_id=tenant, name=name.capitalize(), role=role)


def session(customer: Customer | None = MAYA, conversation: str = "conv_1") -> Session:
    return Session(
        tenant_id="larkfield",
        conversation_id=conversation,
        customer_id=customer.id if customer else None,
        principal=person(),
    )
