"""A shop in memory that can fail on purpose, before or after it has done what it was asked."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from copilot.adapters import shop_rules
from copilot.adapters.shop_rules import Change
from copilot.domain.commerce import Address, Customer, Money, Order, Product, ProductVariant, Refund
from copilot.domain.errors import NotFound, ToolFailed
from copilot.ports import Clock, OrderSystem


@dataclass(frozen=True, slots=True)
class Failure:
    """`error` is raised at the next change, `before` or `after` it is kept."""

    when: Literal["before", "after"]
    error: BaseException


class FakeOrderSystem:
    """`failures` are used up one per change; `done` counts the changes really made."""

    def __init__(
        self,
        clock: Clock,
        *,
        customers: Iterable[Customer] = (),
        orders: Iterable[Order] = (),
        products: Iterable[Product] = (),
    ) -> None:
        self._clock = clock
        self._customers = {c.id: c for c in customers}
        self._orders = {o.id: o for o in orders}
        self._products = {p.id: p for p in products}
        self._keys: dict[str, str] = {}
        self.failures: deque[Failure] = deque()
        self.calls: list[str] = []
        """The key of every change asked for."""
        self.done = 0

    async def find_customer_by_email(self, email: str) -> Customer:
        return _only([c for c in self._customers.values() if c.email.lower() == email.lower()])

    async def find_customer_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> Customer:
        wanted = (first_name.lower(), last_name.lower(), zip_code)
        return _only(
            [
                c
                for c in self._customers.values()
                if (c.first_name.lower(), c.last_name.lower(), c.address.zip) == wanted
            ]
        )

    async def get_customer(self, customer_id: str) -> Customer:
        if customer_id not in self._customers:
            raise NotFound(f"There is no customer {customer_id}.")
        return self._customers[customer_id]

    async def get_order(self, order_id: str) -> Order:
        if order_id not in self._orders:
            raise NotFound(f"There is no order {order_id}.")
        return self._orders[order_id]

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
        customer = await self.get_customer(customer_id)
        if self._first(key, ("customer address", customer_id, dict(address))):
            self._fail("before")
            moved = customer.model_copy(update={"address": Address(**address)})
            self._customers[customer_id] = moved
            self._finish(key, ("customer address", customer_id, dict(address)))
        return self._customers[customer_id]

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        order = await self._change(
            order_id,
            key,
            ("refund", order_id, amount.minor, amount.currency, reason),
            lambda o, c: shop_rules.refund(o, c, amount, reason, key=key, now=self._clock.now()),
        )
        return next(r for r in order.refunds if r.idempotency_key == key)

    async def _change(
        self, order_id: str, key: str, request: tuple[object, ...], do: Callable[[Order, Customer], Change]
    ) -> Order:
        order = await self.get_order(order_id)
        if self._first(key, request):
            change = do(order, self._customers[order.customer_id])
            self._fail("before")
            self._orders[order_id] = change.order
            self._customers[change.customer.id] = change.customer
            self._finish(key, request)
        return self._orders[order_id]

    def _first(self, key: str, request: tuple[object, ...]) -> bool:
        """Whether nothing was done under that key; `ToolFailed` when something else was."""
        self.calls.append(key)
        if key not in self._keys:
            return True
        if self._keys[key] != json.dumps(request):
            raise ToolFailed("This idempotency key was used for another request.")
        return False

    def _finish(self, key: str, request: tuple[object, ...]) -> None:
        self._keys[key] = json.dumps(request)
        self.done += 1
        self._fail("after")

    def _fail(self, when: str) -> None:
        if self.failures and self.failures[0].when == when:
            raise self.failures.popleft().error

    def _variant(self, product_id: str, item_id: str) -> ProductVariant | None:
        product = self._products.get(product_id)
        return next((v for v in product.variants if v.item_id == item_id), None) if product else None


def _only(found: list[Customer]) -> Customer:
    """The one customer found; when several fit, none of them is shown."""
    if not found:
        raise NotFound("No customer fits.")
    if len(found) > 1:
        raise ToolFailed("More than one customer fits.", hint="Ask for the e-mail address.")
    return found[0]


class OneOrderSystem:
    """The same one for whoever asks: for worlds with one tenant."""

    def __init__(self, orders: OrderSystem) -> None:
        self._orders = orders

    def of(self, tenant_id: str) -> OrderSystem:  # noqa: ARG002
        return self._orders
