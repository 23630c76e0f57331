"""Customers, orders and money, as the order system reports them."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field

from copilot.domain.value import Value

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}


class Money(Value):
    """An amount in integer minor units (cents) of an ISO 4217 currency with two decimals."""

    minor: int
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")

    @classmethod
    def of(cls, amount: Decimal | str | float, currency: str = "USD") -> Self:
        """From major units, rounded half up to the cent."""
        cents = (Decimal(str(amount)) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return cls(minor=int(cents), currency=currency)

    def __str__(self) -> str:
        sign = "-" if self.minor < 0 else ""
        whole, cents = divmod(abs(self.minor), 100)
        symbol = _SYMBOLS.get(self.currency)
        amount = f"{whole:,}.{cents:02d}"
        return f"{sign}{symbol}{amount}" if symbol else f"{sign}{amount} {self.currency}"

    def __add__(self, other: "Money") -> "Money":
        self._require_same_currency(other)
        return Money(minor=self.minor + other.minor, currency=self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._require_same_currency(other)
        return Money(minor=self.minor - other.minor, currency=self.currency)

    def _require_same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot combine {self.currency} and {other.currency}")


class Address(Value):
    address1: str
    address2: str = ""
    city: str
    state: str
    country: str
    zip: str


class PaymentSource(StrEnum):
    CREDIT_CARD = "credit_card"
    PAYPAL = "paypal"
    GIFT_CARD = "gift_card"


class PaymentMethod(Value):
    """How an order was or may be paid; `balance` only for gift cards."""

    id: str
    source: PaymentSource
    brand: str | None = None
    last_four: str | None = None
    balance: Money | None = None

    def __str__(self) -> str:
        if self.source is PaymentSource.CREDIT_CARD:
            return f"{(self.brand or 'card').capitalize()} …{self.last_four}"
        return "gift card" if self.source is PaymentSource.GIFT_CARD else "PayPal"


class Customer(Value):
    id: str
    first_name: str
    last_name: str
    email: str
    address: Address
    phone: str | None = None
    loyalty_tier: str | None = None
    payment_methods: tuple[PaymentMethod, ...] = ()
    order_ids: tuple[str, ...] = ()


class OrderStatus(StrEnum):
    PENDING = "pending"
    PENDING_ITEM_MODIFIED = "pending (item modified)"
    PROCESSED = "processed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    RETURN_REQUESTED = "return requested"
    EXCHANGE_REQUESTED = "exchange requested"
    LOST = "lost"


class LineItem(Value):
    """One unit sold. `final_sale` items cannot be returned under the shop's policy."""

    item_id: str
    product_id: str
    name: str
    price: Money
    options: dict[str, str] = Field(default_factory=dict)
    category: str | None = None
    final_sale: bool = False


class PaymentRecord(Value):
    """One movement of money on an order: `payment` towards the shop, `refund` back."""

    transaction_type: str = Field(pattern="^(payment|refund)$")
    amount: Money
    payment_method_id: str


class Refund(Value):
    """A refund as the order system recorded it; `idempotency_key` is ours."""

    id: str
    order_id: str
    amount: Money
    reason: str
    payment_method_id: str
    idempotency_key: str
    created_at: datetime


class ItemRequest(Value):
    """What a customer asked to send back (`new_item_ids` empty) or to exchange, and for whose account."""

    item_ids: tuple[str, ...]
    new_item_ids: tuple[str, ...] = ()
    payment_method_id: str
    price_difference: Money | None = None
    """Of an exchange: positive when the customer pays more."""


class Order(Value):
    id: str
    customer_id: str
    status: OrderStatus
    items: tuple[LineItem, ...]
    address: Address
    payments: tuple[PaymentRecord, ...] = ()
    placed_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    expected_at: datetime | None = None
    carrier: str | None = None
    tracking_ids: tuple[str, ...] = ()
    shipping_fee: Money | None = None
    cancel_reason: str | None = None
    refunds: tuple[Refund, ...] = ()
    request: ItemRequest | None = None

    @property
    def total(self) -> Money:
        """What the customer paid for it."""
        return _sum((p.amount for p in self.payments if p.transaction_type == "payment"), self.currency)

    @property
    def refunded(self) -> Money:
        return _sum((p.amount for p in self.payments if p.transaction_type == "refund"), self.currency)

    @property
    def refundable(self) -> Money:
        """What has been paid and not yet given back."""
        return self.total - self.refunded

    def refundable_to(self, payment_method_id: str) -> Money:
        """What was paid with that method and has not been given back to it."""
        mine = [p for p in self.payments if p.payment_method_id == payment_method_id]
        paid = _sum((p.amount for p in mine if p.transaction_type == "payment"), self.currency)
        return paid - _sum((p.amount for p in mine if p.transaction_type == "refund"), self.currency)

    def refund_method(self, amount: Money) -> str | None:
        """The id of the first method paid with that can take back all of `amount`; None when none can."""
        methods = dict.fromkeys(p.payment_method_id for p in self.payments if p.transaction_type == "payment")
        return next((m for m in methods if self.refundable_to(m).minor >= amount.minor), None)

    @property
    def currency(self) -> str:
        return self.items[0].price.currency if self.items else "USD"


class ProductVariant(Value):
    item_id: str
    product_id: str
    options: dict[str, str]
    available: bool
    price: Money


class Product(Value):
    id: str
    name: str
    category: str | None = None
    variants: tuple[ProductVariant, ...]


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, start=Money(minor=0, currency=currency))
