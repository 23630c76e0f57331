"""Fills the embedded shop: the scenario customers as written, and many more, the same ones every time."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from copilot.adapters.shop_generator import generate
from copilot.adapters.sqlite_shop import SCHEMA, connect, save_order
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
    Refund,
)
from copilot.domain.errors import ConfigurationError
from copilot.domain.value import Value

ValueT = TypeVar("ValueT", bound=Value)

_GENERATED_CUSTOMERS = 300
_GENERATED_ORDERS = 1_000
# All hours are early, so that what happened "today" is past at any hour a demo starts.
_HOURS = {"placed": time(0, 1), "shipped": time(0, 2), "expected": time(0, 3), "delivered": time(0, 3)}


class SeededShop(Value):
    """What the file holds; `created` is False when it was there already and stayed as it was."""

    customers: int
    orders: int
    anchor: date
    created: bool


class _Variant(Value):
    item_id: str
    options: dict[str, str] = Field(default_factory=dict)
    price: Decimal
    available: bool = True


class _Product(Value):
    id: str
    name: str
    category: str
    oversize: bool = False
    final_sale: bool = False
    variants: tuple[_Variant, ...] = Field(min_length=1)


class _Method(Value):
    id: str
    source: PaymentSource
    brand: str | None = None
    last_four: str | None = None
    balance: Decimal | None = None


class _PastRefund(Value):
    amount: Decimal
    reason: str
    days_ago: int


class _Order(Value):
    id: str
    status: OrderStatus
    items: tuple[str, ...] = Field(min_length=1)
    placed_days_ago: int | None = None
    placed_on: date | None = None
    shipped_days_ago: int | None = None
    delivered_days_ago: int | None = None
    expected_days_ago: int | None = None
    carrier: str | None = None
    tracking_id: str | None = None
    shipping_fee: Decimal = Decimal(0)
    payment_method_id: str
    cancel_reason: str | None = None
    final_sale: tuple[str, ...] = ()
    refunds: tuple[_PastRefund, ...] = ()

    @model_validator(mode="after")
    def _placed_once(self) -> "_Order":
        if (self.placed_days_ago is None) == (self.placed_on is None):
            raise ValueError("exactly one of placed_days_ago and placed_on is needed")
        return self


class _Customer(Value):
    id: str
    first_name: str
    last_name: str
    email: str
    phone: str | None = None
    loyalty_tier: str | None = None
    address: Address
    payment_methods: tuple[_Method, ...]
    orders: tuple[_Order, ...] = ()


def seed_shop(
    path: Path, products: Path, customers: Path, anchor: date, *, force: bool = False
) -> SeededShop:
    """Makes the shop at `path` with dates counted back from `anchor`, unless it is there.

    `force` replaces it. `ConfigurationError` names what is wrong in the YAML files; a file is made whole or
    not at all.
    """
    if path.is_file() and not force:
        return _described(path)
    shelf = _read(products, _Product)
    catalogue = {p.id: p for p in _products(shelf)}
    final_sale = frozenset(p.id for p in shelf if p.final_sale)
    people = list(_scenario(_read(customers, _Customer), catalogue, final_sale, anchor, str(customers)))
    taken = frozenset(order.id for _, orders in people for order in orders)
    people += generate(
        tuple(catalogue.values()), final_sale, taken, anchor, _GENERATED_CUSTOMERS, _GENERATED_ORDERS
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".seeding")
    draft.unlink(missing_ok=True)
    _write(draft, list(catalogue.values()), people, anchor)
    for leftover in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        leftover.unlink(missing_ok=True)
    draft.rename(path)
    return SeededShop(
        customers=len(people), orders=sum(len(orders) for _, orders in people), anchor=anchor, created=True
    )


def _described(path: Path) -> SeededShop:
    try:
        connection = connect(path)
        count = "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), value FROM meta"
        customers, orders, anchor = connection.execute(f"{count} WHERE name = 'anchor'").fetchone()
        connection.close()
    except (sqlite3.DatabaseError, TypeError) as error:
        raise ConfigurationError(
            f"This is no shop: {error}.", where=str(path), hint="Delete the file and seed it again."
        ) from error
    return SeededShop(customers=customers, orders=orders, anchor=date.fromisoformat(anchor), created=False)


def _write(
    path: Path, products: list[Product], people: list[tuple[Customer, tuple[Order, ...]]], anchor: date
) -> None:
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")  # one file, that can be renamed
        connection.executescript(SCHEMA)
        connection.execute("BEGIN")
        connection.execute("INSERT INTO meta VALUES ('anchor', ?)", (anchor.isoformat(),))
        connection.executemany(
            "INSERT INTO products VALUES (?, ?)", [(p.id, p.model_dump_json()) for p in products]
        )
        for customer, orders in people:
            connection.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", _customer_row(customer))
            for order in orders:
                save_order(connection, order)
        connection.execute("COMMIT")
    except sqlite3.IntegrityError as error:
        raise ConfigurationError(
            f"The shop's customers and orders contradict each other: {error}.",
            hint="Ids and e-mail addresses must be unique, and no order refunded more than was paid.",
        ) from error
    finally:
        connection.close()


def _customer_row(customer: Customer) -> tuple[str, ...]:
    return (
        customer.id,
        customer.email,
        customer.first_name,
        customer.last_name,
        customer.address.zip,
        customer.model_dump_json(),
    )


def _read(path: Path, model: type[ValueT]) -> tuple[ValueT, ...]:
    """A list of entries; every problem of the file is named at once, with its entry and field."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"cannot read it: {error}", where=str(path), hint="Expected a YAML file in UTF-8."
        ) from error
    try:
        return TypeAdapter(tuple[model, ...]).validate_python(content)  # type: ignore[valid-type]
    except ValidationError as error:
        problems = "; ".join(
            f"entry {'.'.join(str(step) for step in e['loc'])}: {e['msg']}"
            for e in error.errors(include_url=False)
        )
        raise ConfigurationError(problems, where=str(path), hint="Entries count from 0.") from error


def _products(shelf: tuple[_Product, ...]) -> Iterator[Product]:
    for product in shelf:
        yield Product(
            id=product.id,
            name=product.name,
            category=product.category,
            variants=tuple(
                ProductVariant(
                    item_id=v.item_id,
                    product_id=product.id,
                    options=v.options,
                    available=v.available,
                    price=Money.of(v.price),
                )
                for v in product.variants
            ),
        )


def _scenario(
    written: tuple[_Customer, ...],
    catalogue: dict[str, Product],
    final_sale: frozenset[str],
    anchor: date,
    where: str,
) -> Iterator[tuple[Customer, tuple[Order, ...]]]:
    variants = {v.item_id: (p, v) for p in catalogue.values() for v in p.variants}
    for person in written:
        unknown = [i for order in person.orders for i in order.items if i not in variants]
        if unknown:
            raise ConfigurationError(
                f"Customer {person.id} has ordered unknown items: {', '.join(unknown)}.",
                where=where,
                hint="Use item ids of the products file.",
            )
        orders = tuple(_order(person, order, variants, final_sale, anchor) for order in person.orders)
        methods = tuple(_method(m) for m in person.payment_methods)
        values: dict[str, Any] = person.model_dump(exclude={"orders", "payment_methods", "loyalty_tier"})
        tier = None if person.loyalty_tier == "none" else person.loyalty_tier
        yield (
            Customer(
                **values, loyalty_tier=tier, payment_methods=methods, order_ids=tuple(o.id for o in orders)
            ),
            orders,
        )


def _method(method: _Method) -> PaymentMethod:
    balance = Money.of(method.balance) if method.balance is not None else None
    return PaymentMethod(
        id=method.id, source=method.source, brand=method.brand, last_four=method.last_four, balance=balance
    )


def _order(
    person: _Customer,
    order: _Order,
    variants: dict[str, tuple[Product, ProductVariant]],
    final_sale: frozenset[str],
    anchor: date,
) -> Order:
    items = tuple(
        LineItem(
            item_id=item_id,
            product_id=product.id,
            name=product.name,
            price=variant.price,
            options=variant.options,
            category=product.category,
            final_sale=item_id in order.final_sale or product.id in final_sale,
        )
        for item_id, (product, variant) in ((i, variants[i]) for i in order.items)
    )
    fee = Money.of(order.shipping_fee)
    paid = sum((item.price for item in items), start=fee)
    refunds = tuple(_past_refund(order, n, paid, anchor) for n in range(len(_past_refunds(order, paid))))
    return Order(
        id=order.id,
        customer_id=person.id,
        status=order.status,
        items=items,
        address=person.address,
        payments=(
            PaymentRecord(transaction_type="payment", amount=paid, payment_method_id=order.payment_method_id),
            *(
                PaymentRecord(
                    transaction_type="refund", amount=r.amount, payment_method_id=order.payment_method_id
                )
                for r in refunds
            ),
        ),
        placed_at=_placed(order, anchor),
        shipped_at=_at(anchor, order.shipped_days_ago, "shipped"),
        delivered_at=_at(anchor, order.delivered_days_ago, "delivered"),
        expected_at=_at(anchor, order.expected_days_ago, "expected"),
        carrier=order.carrier,
        tracking_ids=(order.tracking_id,) if order.tracking_id else (),
        shipping_fee=fee,
        cancel_reason=order.cancel_reason,
        refunds=refunds,
    )


def _past_refunds(order: _Order, paid: Money) -> tuple[_PastRefund, ...]:
    """As written; a cancelled order without any was refunded in full when it was cancelled."""
    if order.refunds or order.status is not OrderStatus.CANCELLED:
        return order.refunds
    days_ago = max(0, (order.placed_days_ago or 1) - 1)
    return (_PastRefund(amount=Decimal(paid.minor) / 100, reason="cancelled", days_ago=days_ago),)


def _past_refund(order: _Order, number: int, paid: Money, anchor: date) -> Refund:
    refund = _past_refunds(order, paid)[number]
    return Refund(
        id=f"re_{order.id}_{number + 1}",
        order_id=order.id,
        amount=Money.of(refund.amount),
        reason=refund.reason,
        payment_method_id=order.payment_method_id,
        idempotency_key=f"seed_{order.id}_{number + 1}",
        created_at=_on(anchor - timedelta(days=refund.days_ago), time(0, 5)),
    )


def _placed(order: _Order, anchor: date) -> datetime | None:
    if order.placed_on is not None:
        return _on(order.placed_on, _HOURS["placed"])
    return _at(anchor, order.placed_days_ago, "placed")


def _at(anchor: date, days_ago: int | None, what: str) -> datetime | None:
    return None if days_ago is None else _on(anchor - timedelta(days=days_ago), _HOURS[what])


def _on(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, tzinfo=UTC)
