"""The order system over a database in tau-bench's shape, in memory: for replaying its tasks.

The file itself is never written. `changed` gives the orders and users in the file's own shape.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from copilot.adapters import shop_rules
from copilot.adapters.shop_rules import Change
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
from copilot.domain.errors import ConfigurationError, NotFound, ToolFailed

Json = dict[str, Any]

_EPOCH = datetime(2024, 5, 15, 15, 0, tzinfo=UTC)
"""tau-bench's own "now"; its orders carry no dates."""


class TauShop:
    """`address_only_while_pending`: as tau-bench 1 does; tau-bench 2 allows it after an item change too."""

    def __init__(self, database: Json, *, address_only_while_pending: bool = False) -> None:
        self._users: Json = database["users"]
        self._orders: Json = database["orders"]
        self._products = {p["product_id"]: _product(p) for p in database["products"].values()}
        self._strict = address_only_while_pending
        self._changed: dict[str, Json] = {"orders": {}, "users": {}}
        self._refunds: dict[str, tuple[Refund, ...]] = {}
        self._keys: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path, *, address_only_while_pending: bool = False) -> Self:
        """`ConfigurationError` when the file is not such a database."""
        return cls(read_database(path), address_only_while_pending=address_only_while_pending)

    def changed(self) -> dict[str, Json]:
        """`{"orders": {id: order}, "users": {id: user}}`, only those that differ from the file."""
        return {
            table: {key: row for key, row in rows.items() if row != original[key]}
            for (table, rows), original in zip(
                self._changed.items(), (self._orders, self._users), strict=True
            )
        }

    async def find_customer_by_email(self, email: str) -> Customer:
        wanted = email.lower()
        return self._only([u for u in self._users if self._user(u)["email"].lower() == wanted])

    async def find_customer_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> Customer:
        wanted = (first_name.lower(), last_name.lower(), zip_code)
        return self._only([u for u in self._users if _name_and_zip(self._user(u)) == wanted])

    async def get_customer(self, customer_id: str) -> Customer:
        return _customer(self._user(customer_id))

    async def get_order(self, order_id: str) -> Order:
        return _order(self._order_row(order_id), self._refunds.get(order_id, ()))

    async def get_product(self, product_id: str) -> Product:
        if product_id not in self._products:
            raise NotFound(f"There is no product {product_id}.")
        return self._products[product_id]

    async def list_products(self) -> list[Product]:
        return list(self._products.values())

    async def refunds(self, order_id: str) -> list[Refund]:
        return list((await self.get_order(order_id)).refunds)

    async def cancel_order(self, order_id: str, reason: str, *, key: str) -> Order:
        return await self._change(
            order_id,
            key,
            ("cancel", order_id, reason),
            lambda o, c: shop_rules.cancel(o, c, reason, key=key, now=_EPOCH),
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
            lambda o, c: shop_rules.modify_address(o, c, address, strict=self._strict),
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
        row = copy.deepcopy(self._user(customer_id))
        request = ("customer address", customer_id, dict(address))
        if self._is_new(key, request):
            row["address"] = Address(**address).model_dump()
            self._changed["users"][customer_id] = row
            self._keys[key] = json.dumps(request, sort_keys=True)
        return _customer(row)

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        order = await self._change(
            order_id,
            key,
            ("refund", order_id, amount.minor, amount.currency, reason),
            lambda o, c: shop_rules.refund(o, c, amount, reason, key=key, now=_EPOCH),
        )
        return next(r for r in order.refunds if r.idempotency_key == key)

    async def _change(
        self, order_id: str, key: str, request: tuple[object, ...], do: Callable[[Order, Customer], Change]
    ) -> Order:
        order = await self.get_order(order_id)
        if not self._is_new(key, request):
            return order
        change = do(order, _customer(self._user(order.customer_id)))
        row = copy.deepcopy(self._order_row(order_id))
        _write_order(row, change.order)
        self._changed["orders"][order_id] = row
        self._refunds[order_id] = change.order.refunds
        self._settle(change.customer)
        self._keys[key] = json.dumps(request, sort_keys=True)
        return change.order

    def _is_new(self, key: str, request: tuple[object, ...]) -> bool:
        """`ToolFailed` when something else was asked under that key."""
        if key not in self._keys:
            return True
        if self._keys[key] != json.dumps(request, sort_keys=True):
            raise ToolFailed("This idempotency key was used for another request.")
        return False

    def _settle(self, customer: Customer) -> None:
        row = copy.deepcopy(self._user(customer.id))
        for method in customer.payment_methods:
            if method.balance is not None:
                row["payment_methods"][method.id]["balance"] = _major(method.balance)
        self._changed["users"][customer.id] = row

    def _user(self, user_id: str) -> Json:
        if user_id not in self._users:
            raise NotFound(f"There is no customer {user_id}.")
        row: Json = self._changed["users"].get(user_id) or self._users[user_id]
        return row

    def _order_row(self, order_id: str) -> Json:
        if order_id not in self._orders:
            raise NotFound(f"There is no order {order_id}.")
        row: Json = self._changed["orders"].get(order_id) or self._orders[order_id]
        return row

    def _only(self, found: list[str]) -> Customer:
        if not found:
            raise NotFound("No customer fits.")
        if len(found) > 1:
            raise ToolFailed("More than one customer fits.", hint="Ask for the e-mail address.")
        return _customer(self._user(found[0]))

    def _variant(self, product_id: str, item_id: str) -> ProductVariant | None:
        product = self._products.get(product_id)
        return next((v for v in product.variants if v.item_id == item_id), None) if product else None


def read_database(path: Path) -> Json:
    """`ConfigurationError` when the file cannot be read or misses one of its three tables."""
    try:
        database = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot read it: {error}", where=str(path), hint="Expected a JSON file in UTF-8."
        ) from error
    tables: Json = database if isinstance(database, dict) else {}
    missing = [t for t in ("products", "users", "orders") if t not in tables]
    if missing:
        raise ConfigurationError(
            f"there is no {', '.join(missing)}", where=str(path), hint="Expected tau-bench's retail database."
        )
    return tables


# ---------------------------------------------------------------- between their shape and ours


def _product(row: Json) -> Product:
    return Product(
        id=row["product_id"],
        name=row["name"],
        variants=tuple(
            ProductVariant(
                item_id=v["item_id"],
                product_id=row["product_id"],
                options=v["options"],
                available=v["available"],
                price=Money.of(v["price"]),
            )
            for v in row["variants"].values()
        ),
    )


def _customer(row: Json) -> Customer:
    return Customer(
        id=row["user_id"],
        first_name=row["name"]["first_name"],
        last_name=row["name"]["last_name"],
        email=row["email"],
        address=Address(**row["address"]),
        payment_methods=tuple(
            PaymentMethod(
                id=m["id"],
                source=PaymentSource(m["source"]),
                brand=m.get("brand"),
                last_four=m.get("last_four"),
                balance=Money.of(m["balance"]) if "balance" in m else None,
            )
            for m in row["payment_methods"].values()
        ),
        order_ids=tuple(row["orders"]),
    )


def _order(row: Json, refunds: tuple[Refund, ...]) -> Order:
    return Order(
        id=row["order_id"],
        customer_id=row["user_id"],
        status=OrderStatus(row["status"]),
        items=tuple(
            LineItem(
                item_id=i["item_id"],
                product_id=i["product_id"],
                name=i["name"],
                price=Money.of(i["price"]),
                options=i["options"],
            )
            for i in row["items"]
        ),
        address=Address(**row["address"]),
        payments=tuple(
            PaymentRecord(
                transaction_type=p["transaction_type"],
                amount=Money.of(p["amount"]),
                payment_method_id=p["payment_method_id"],
            )
            for p in row["payment_history"]
        ),
        tracking_ids=tuple(t for f in row["fulfillments"] for t in f["tracking_id"]),
        cancel_reason=row.get("cancel_reason"),
        refunds=refunds,
    )


def _write_order(row: Json, order: Order) -> None:
    """Into the file's shape; what the domain does not know of (fulfilments) stays as it is."""
    row["status"] = order.status.value
    row["address"] = order.address.model_dump()
    for line, item in zip(row["items"], order.items, strict=True):
        line |= {"item_id": item.item_id, "price": _major(item.price), "options": dict(item.options)}
    row["payment_history"] = [
        {
            "transaction_type": p.transaction_type,
            "amount": _major(p.amount),
            "payment_method_id": p.payment_method_id,
        }
        for p in order.payments
    ]
    if order.cancel_reason is not None:
        row["cancel_reason"] = order.cancel_reason
    request = order.request
    if request is not None and order.status is OrderStatus.RETURN_REQUESTED:
        row["return_items"] = list(request.item_ids)
        row["return_payment_method_id"] = request.payment_method_id
    elif request is not None and request.price_difference is not None:
        row["exchange_items"] = list(request.item_ids)
        row["exchange_new_items"] = list(request.new_item_ids)
        row["exchange_payment_method_id"] = request.payment_method_id
        row["exchange_price_difference"] = _major(request.price_difference)


def _name_and_zip(row: Json) -> tuple[str, str, str]:
    return row["name"]["first_name"].lower(), row["name"]["last_name"].lower(), row["address"]["zip"]


def _major(money: Money) -> float:
    return float(Decimal(money.minor) / 100)
