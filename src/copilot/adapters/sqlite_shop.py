"""The embedded order system: a shop in a SQLite file of its own, as an outside system would be.

It keeps its own idempotency keys, and a constraint of the database holds that no order is ever refunded more
than was paid. Fill it with `shop_seed.seed_shop`.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Self, TypeVar

from copilot.adapters import shop_rules
from copilot.adapters.shop_rules import Change
from copilot.domain.commerce import Address, Customer, Money, Order, Product, ProductVariant, Refund
from copilot.domain.errors import (
    ConfigurationError,
    DependencyUnavailable,
    NotFound,
    OutcomeUnknown,
    ToolFailed,
)
from copilot.ports import Clock

T = TypeVar("T")
_Request = tuple[object, ...]

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE products (id TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE customers (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    first_name TEXT NOT NULL COLLATE NOCASE,
    last_name TEXT NOT NULL COLLATE NOCASE,
    zip TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX customers_by_name ON customers (last_name, first_name, zip);
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customers (id),
    status TEXT NOT NULL,
    paid_minor INTEGER NOT NULL,
    refunded_minor INTEGER NOT NULL,
    document TEXT NOT NULL,
    CHECK (refunded_minor BETWEEN 0 AND paid_minor)
);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE TABLE refunds (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    payment_method_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (idempotency_key, payment_method_id)
);
CREATE INDEX refunds_by_order ON refunds (order_id);
CREATE TABLE idempotency_keys (key TEXT PRIMARY KEY, request TEXT NOT NULL);
"""
_BUSY_SECONDS = 10.0


class SqliteShop:
    """An `OrderSystem`. One thread does all its work, so a transaction is never left half-way by a cancel."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, clock: Clock) -> None:
        self._connection = connection
        self._thread = thread
        self._clock = clock
        self._products: dict[str, Product] = {}

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Self:
        """`ConfigurationError` when there is no seeded shop at `path`."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shop")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _existing, path)
        except BaseException:
            thread.shutdown()
            raise
        return cls(connection, thread, clock)

    async def close(self) -> None:
        await self._run(self._connection.close)
        self._thread.shutdown()

    async def anchor(self) -> date:
        """The day that the seeded orders' dates count back from."""
        return await self._run(lambda: date.fromisoformat(_meta(self._connection, "anchor")))

    # ------------------------------------------------------------ looking up

    async def find_customer_by_email(self, email: str) -> Customer:
        return await self._run(lambda: self._find_customer("email = ?", (email,)))

    async def find_customer_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> Customer:
        where = "first_name = ? AND last_name = ? AND zip = ?"
        return await self._run(lambda: self._find_customer(where, (first_name, last_name, zip_code)))

    async def get_customer(self, customer_id: str) -> Customer:
        return await self._run(lambda: self._customer(customer_id))

    async def get_order(self, order_id: str) -> Order:
        return await self._run(lambda: self._order(order_id))

    async def get_product(self, product_id: str) -> Product:
        products = await self._run(self._all_products)
        if product_id not in products:
            raise NotFound(f"There is no product {product_id}.")
        return products[product_id]

    async def list_products(self) -> list[Product]:
        return list((await self._run(self._all_products)).values())

    async def refunds(self, order_id: str) -> list[Refund]:
        return list((await self.get_order(order_id)).refunds)

    # ------------------------------------------------------------ changing

    async def cancel_order(self, order_id: str, reason: str, *, key: str) -> Order:
        return await self._change(
            order_id,
            key,
            ("cancel", order_id, reason),
            lambda o, c: shop_rules.cancel(o, c, reason, key=key, now=self._clock.now()),
        )

    async def return_items(
        self, order_id: str, item_ids: Sequence[str], payment_method_id: str, *, key: str
    ) -> Order:
        return await self._change(
            order_id,
            key,
            ("return", order_id, list(item_ids), payment_method_id),
            lambda o, c: shop_rules.return_items(o, c, item_ids, payment_method_id),
        )

    async def exchange_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order:
        return await self._change(
            order_id,
            key,
            ("exchange", order_id, list(item_ids), list(new_item_ids), payment_method_id),
            lambda o, c: shop_rules.exchange_items(
                o, c, item_ids, new_item_ids, payment_method_id, self._variant
            ),
        )

    async def modify_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order:
        return await self._change(
            order_id,
            key,
            ("modify", order_id, list(item_ids), list(new_item_ids), payment_method_id),
            lambda o, c: shop_rules.modify_items(
                o, c, item_ids, new_item_ids, payment_method_id, self._variant
            ),
        )

    async def modify_order_address(self, order_id: str, address: Mapping[str, str], *, key: str) -> Order:
        return await self._change(
            order_id,
            key,
            ("address", order_id, dict(address)),
            lambda o, c: shop_rules.modify_address(o, c, address, strict=False),
        )

    async def modify_order_payment(self, order_id: str, payment_method_id: str, *, key: str) -> Order:
        return await self._change(
            order_id,
            key,
            ("payment", order_id, payment_method_id),
            lambda o, c: shop_rules.modify_payment(o, c, payment_method_id),
        )

    async def modify_customer_address(
        self, customer_id: str, address: Mapping[str, str], *, key: str
    ) -> Customer:
        request = ("customer address", customer_id, dict(address))

        def change() -> Customer:
            with self._transaction():
                customer = self._customer(customer_id)
                if self._first(key, request):
                    customer = customer.model_copy(update={"address": Address(**address)})
                    self._save_customer(customer)
            return customer

        return await self._run(change)

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        order = await self._change(
            order_id,
            key,
            ("refund", order_id, amount.minor, amount.currency, reason),
            lambda o, c: shop_rules.refund(o, c, amount, reason, key=key, now=self._clock.now()),
        )
        return next(r for r in order.refunds if r.idempotency_key == key)

    # ------------------------------------------------------------ in the shop's thread

    async def _run(self, work: Callable[[], T]) -> T:
        def translated() -> T:
            try:
                return work()
            except sqlite3.OperationalError as error:
                raise DependencyUnavailable(
                    f"The shop did not answer: {error}.", hint="Try again; nothing was done."
                ) from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, translated)

    async def _change(
        self, order_id: str, key: str, request: _Request, do: Callable[[Order, Customer], Change]
    ) -> Order:
        def change() -> Order:
            with self._transaction():
                order = self._order(order_id)
                if self._first(key, request):
                    changed = do(order, self._customer(order.customer_id))
                    self._save_customer(changed.customer)
                    save_order(self._connection, changed.order, known=order)
                    order = changed.order
            return order

        return await self._run(change)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except sqlite3.IntegrityError as error:
            self._connection.execute("ROLLBACK")
            raise ToolFailed(f"The shop's books do not allow it: {error}.") from error
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        try:
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise OutcomeUnknown(f"The shop did not confirm: {error}.") from error

    def _first(self, key: str, request: _Request) -> bool:
        """Notes the key; False when the same was asked before, `ToolFailed` when something else was."""
        asked = json.dumps(request, sort_keys=True)
        row = self._connection.execute(
            "SELECT request FROM idempotency_keys WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            self._connection.execute("INSERT INTO idempotency_keys VALUES (?, ?)", (key, asked))
            return True
        if row[0] != asked:
            raise ToolFailed("This idempotency key was used for another request.")
        return False

    def _find_customer(self, where: str, values: tuple[str, ...]) -> Customer:
        """`where` is ours; `values` are data."""
        rows = self._connection.execute(
            f"SELECT document FROM customers WHERE {where} LIMIT 2",  # noqa: S608
            tuple(v.strip() for v in values),
        ).fetchall()
        if not rows:
            raise NotFound("No customer fits.")
        if len(rows) > 1:
            raise ToolFailed("More than one customer fits.", hint="Ask for the e-mail address.")
        return Customer.model_validate_json(rows[0][0])

    def _customer(self, customer_id: str) -> Customer:
        row = self._connection.execute(
            "SELECT document FROM customers WHERE id = ?", (customer_id,)
        ).fetchone()
        if row is None:
            raise NotFound(f"There is no customer {customer_id}.")
        return Customer.model_validate_json(row[0])

    def _order(self, order_id: str) -> Order:
        row = self._connection.execute("SELECT document FROM orders WHERE id = ?", (order_id,)).fetchone()
        if row is None:
            raise NotFound(f"There is no order {order_id}.")
        found = self._connection.execute(
            "SELECT id, order_id, amount_minor, currency, reason, payment_method_id, "
            "idempotency_key, created_at FROM refunds WHERE order_id = ? ORDER BY created_at, id",
            (order_id,),
        )
        return Order.model_validate_json(row[0]).model_copy(update={"refunds": tuple(map(_refund, found))})

    def _all_products(self) -> dict[str, Product]:
        if not self._products:
            rows = self._connection.execute("SELECT document FROM products ORDER BY id")
            products = (Product.model_validate_json(row[0]) for row in rows)
            self._products = {p.id: p for p in products}
        return self._products

    def _variant(self, product_id: str, item_id: str) -> ProductVariant | None:
        product = self._all_products().get(product_id)
        return next((v for v in product.variants if v.item_id == item_id), None) if product else None

    def _save_customer(self, customer: Customer) -> None:
        self._connection.execute(
            "UPDATE customers SET zip = ?, document = ? WHERE id = ?",
            (customer.address.zip, customer.model_dump_json(), customer.id),
        )


def save_order(connection: sqlite3.Connection, order: Order, *, known: Order | None = None) -> None:
    """Writes the order and those of its refunds that `known` does not have yet."""
    values = (
        order.customer_id,
        order.status.value,
        order.total.minor,
        order.refunded.minor,
        order.model_dump_json(exclude={"refunds"}),
        order.id,
    )
    if known is None:
        connection.execute(
            "INSERT INTO orders (customer_id, status, paid_minor, refunded_minor, document, id) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
    else:
        connection.execute(
            "UPDATE orders SET customer_id = ?, status = ?, paid_minor = ?, refunded_minor = ?, document = ? "
            "WHERE id = ?",
            values,
        )
    before = {r.id for r in known.refunds} if known else set()
    connection.executemany(
        "INSERT INTO refunds VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [_refund_row(r) for r in order.refunds if r.id not in before],
    )


def connect(path: Path) -> sqlite3.Connection:
    """With transactions begun by hand and every commit on the disk."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _existing(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise ConfigurationError(
            "There is no shop.", where=str(path), hint="Seed it first (scripts/demo does)."
        )
    try:
        connection = connect(path)
        _meta(connection, "anchor")
    except (sqlite3.DatabaseError, KeyError) as error:
        raise ConfigurationError(
            f"This is no shop: {error}.", where=str(path), hint="Delete the file and seed it again."
        ) from error
    return connection


def _meta(connection: sqlite3.Connection, name: str) -> str:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise KeyError(name)
    return str(row[0])


def _refund(row: tuple[Any, ...]) -> Refund:
    refund_id, order_id, minor, currency, reason, method_id, key, created_at = row
    return Refund(
        id=refund_id,
        order_id=order_id,
        amount=Money(minor=minor, currency=currency),
        reason=reason,
        payment_method_id=method_id,
        idempotency_key=key,
        created_at=created_at,
    )


def _refund_row(refund: Refund) -> tuple[object, ...]:
    return (
        refund.id,
        refund.order_id,
        refund.amount.minor,
        refund.amount.currency,
        refund.reason,
        refund.payment_method_id,
        refund.idempotency_key,
        refund.created_at.isoformat(),
    )
