"""The order system."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from copilot.domain.commerce import Customer, Money, Order, Product, Refund


class OrderSystem(Protocol):
    """A shop's orders. `key` is an idempotency key: the same key never does anything twice.

    Raises `NotFound`, `ToolFailed` (the shop refuses, with its reason), `DependencyUnavailable` (surely not
    done) or `OutcomeUnknown` (ask `refunds` what happened).
    """

    async def find_customer_by_email(self, email: str) -> Customer: ...

    async def find_customer_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> Customer: ...

    async def get_customer(self, customer_id: str) -> Customer: ...

    async def get_order(self, order_id: str) -> Order: ...

    async def get_product(self, product_id: str) -> Product: ...

    async def list_products(self) -> list[Product]: ...

    async def cancel_order(self, order_id: str, reason: str, *, key: str) -> Order: ...

    async def return_items(
        self, order_id: str, item_ids: Sequence[str], payment_method_id: str, *, key: str
    ) -> Order: ...

    async def exchange_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order: ...

    async def modify_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order: ...

    async def modify_order_address(self, order_id: str, address: Mapping[str, str], *, key: str) -> Order: ...

    async def modify_order_payment(self, order_id: str, payment_method_id: str, *, key: str) -> Order: ...

    async def modify_customer_address(
        self, customer_id: str, address: Mapping[str, str], *, key: str
    ) -> Customer: ...

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund: ...

    async def refunds(self, order_id: str) -> list[Refund]:
        """For reconciling an unknown outcome by its key."""


class OrderSystems(Protocol):
    """Each tenant's own order system; nobody is given another's."""

    def of(self, tenant_id: str) -> OrderSystem:
        """`NoOrderSystem` for a tenant that has none."""
