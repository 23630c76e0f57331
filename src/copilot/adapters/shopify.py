"""A Shopify shop as an `OrderSystem`, over its Admin GraphQL API.

A refund carries our key twice: in `@idempotent`, which Shopify honours for 24 hours, and in the refund's
note, by which it is found again however late.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from copilot.adapters import shopify_graphql as graphql
from copilot.adapters import shopify_objects as objects
from copilot.adapters.shop_http import HttpLimits, ShopHttp, decimal_string
from copilot.adapters.shop_rules import CANCEL_REASONS
from copilot.adapters.shopify_graphql import ShopifyGraphql
from copilot.domain.commerce import Customer, Money, Order, OrderStatus, Product, Refund
from copilot.domain.errors import (
    ConfigurationError,
    CopilotError,
    DependencyUnavailable,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ToolFailed,
)

ReadT = TypeVar("ReadT")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
# What reaches Shopify's search syntax holds none of its signs.
_ORDER_NAME = re.compile(r"#?[A-Za-z0-9][A-Za-z0-9-]{0,40}")
_PERSON = re.compile(r"[^\W_][\w' .-]{0,60}")
_EMAIL = re.compile(r"[^\s@\"'\\*:()]+@[^\s@\"'\\*:()]+")
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_KEY = re.compile(r"[^\[\]\r\n]{1,180}")
_LOOKS = 8
_BETWEEN_LOOKS = 0.4
_MOST_PAGES = 10
_ISO_COUNTRIES = {"USA": "US", "UNITED STATES": "US", "CANADA": "CA"}


class ShopifyShop:
    """`domain` is the shop's own, e.g. `larkfield.myshopify.com`; `base_url` overrides where it is asked.

    `sleep` waits between looks at a cancellation that Shopify carries out in the background.
    """

    def __init__(
        self,
        domain: str,
        *,
        access_token: str,
        base_url: str | None = None,
        limits: HttpLimits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not _DOMAIN.fullmatch(domain):
            raise ConfigurationError(
                f"{domain!r} is not a shop.", hint="Use the shop's own domain: NAME.myshopify.com."
            )
        http = ShopHttp(
            base_url or f"https://{domain}",
            name="Shopify",
            credentials={"X-Shopify-Access-Token": access_token},
            limits=limits,
        )
        self._graphql = ShopifyGraphql(http, sleep=sleep)
        self._sleep = sleep

    async def close(self) -> None:
        await self._graphql.close()

    # ------------------------------------------------------------ looking up

    async def find_customer_by_email(self, email: str) -> Customer:
        if not _EMAIL.fullmatch(email):
            raise NotFound("No customer fits.")
        data = await self._graphql.query(graphql.CUSTOMER_BY_EMAIL, {"email": email})
        node = data.get("customerByIdentifier")
        found = self._read(objects.customer, node) if node else None
        if found is None or found.email.lower() != email.lower():
            raise NotFound("No customer fits.")
        return found

    async def find_customer_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> Customer:
        if not (_PERSON.fullmatch(first_name) and _PERSON.fullmatch(last_name)):
            raise NotFound("No customer fits.")
        query = f'first_name:"{first_name}" last_name:"{last_name}"'
        data = await self._graphql.query(graphql.CUSTOMERS_BY_NAME, {"query": query})
        people = [self._read(objects.customer, node) for node in data["customers"]["nodes"]]
        wanted = (first_name.lower(), last_name.lower(), zip_code)
        fitting = [p for p in people if (p.first_name.lower(), p.last_name.lower(), p.address.zip) == wanted]
        if not fitting:
            raise NotFound("No customer fits.")
        if len(fitting) > 1:
            raise ToolFailed("More than one customer fits.", hint="Ask for the e-mail address.")
        return fitting[0]

    async def get_customer(self, customer_id: str) -> Customer:
        node = await self._by_id(graphql.CUSTOMER, "customer", "Customer", customer_id)
        return self._read(objects.customer, node["customer"])

    async def get_order(self, order_id: str) -> Order:
        return self._read(objects.order, await self._order_node(order_id))

    async def get_product(self, product_id: str) -> Product:
        data = await self._by_id(graphql.PRODUCT, "product", "Product", product_id)
        return self._product(data, data["product"])

    async def list_products(self) -> list[Product]:
        """The first 200 on sale, with the first 20 options of each."""
        products: list[Product] = []
        after = None
        for _ in range(_MOST_PAGES):
            data = await self._graphql.query(graphql.PRODUCTS, {"after": after})
            products += [self._product(data, node) for node in data["products"]["nodes"]]
            if not data["products"]["pageInfo"]["hasNextPage"]:
                break
            after = data["products"]["pageInfo"]["endCursor"]
        return products

    async def refunds(self, order_id: str) -> list[Refund]:
        return list(self._read(objects.refunds, await self._order_node(order_id)))

    # ------------------------------------------------------------ changing

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        _refuse_bad_key(key)
        node = await self._order_node(order_id)
        if (done := self._already(node, key, amount)) is not None:
            return done
        order = self._read(objects.order, node)
        transaction = _transaction(order, amount, node)
        given = {
            "orderId": node["id"],
            "note": objects.note(reason, key),
            "notify": True,
            "currency": amount.currency,
            "transactions": [
                {
                    "orderId": node["id"],
                    "parentId": transaction["id"],
                    "gateway": transaction["gateway"],
                    "kind": "REFUND",
                    "amount": decimal_string(amount.minor),
                }
            ],
        }
        payload = await self._graphql.mutate(
            graphql.REFUND, {"input": given, "key": key}, field="refundCreate"
        )
        made = payload.get("refund")
        if not isinstance(made, Mapping):
            raise OutcomeUnknown("Shopify accepted the refund without showing it.")
        if not self._read(objects.moved, made, changes=True):
            raise ToolFailed("The payment provider declined the refund.", hint="Look at it in Shopify.")
        done = self._read(lambda one: objects.refund(one, order_id, key), made, changes=True)
        return done.model_copy(update={"payment_method_id": objects.tail(transaction["id"])})

    async def cancel_order(self, order_id: str, reason: str, *, key: str) -> Order:
        """Shopify cancels in the background: `OutcomeUnknown` while it has not finished."""
        _refuse_bad_key(key)
        if reason not in CANCEL_REASONS:
            raise ToolFailed(
                f"{reason!r} is no reason to cancel.", hint=f"Use one of: {', '.join(CANCEL_REASONS)}."
            )
        node = await self._order_node(order_id)
        order = self._read(objects.order, node)
        if objects.key_in((node.get("cancellation") or {}).get("staffNote")) == key:
            if order.cancel_reason != reason:
                raise ToolFailed("This idempotency key was used for another request.")
            return order
        if any(r.idempotency_key == key for r in order.refunds):
            raise ToolFailed("This idempotency key was used for another request.")
        if order.status is not OrderStatus.PENDING:
            raise ToolFailed(f"{order.id} is {order.status.value}, not pending.", hint="Look at it again.")
        variables = {"orderId": node["id"], "staffNote": objects.note(reason, key)}
        await self._graphql.mutate(
            graphql.CANCEL, variables, field="orderCancel", errors="orderCancelUserErrors"
        )
        for _ in range(_LOOKS):
            order = await self._afterwards(self.get_order(order_id))
            if order.status is OrderStatus.CANCELLED:
                return order
            await self._sleep(_BETWEEN_LOOKS)
        raise OutcomeUnknown(f"Shopify is still cancelling {order_id}.")

    async def return_items(
        self, order_id: str, item_ids: Sequence[str], payment_method_id: str, *, key: str
    ) -> Order:
        """Back to the original payment only; Shopify keeps a returned quantity from being returned twice."""
        _refuse_bad_key(key)
        node = await self._order_node(order_id)
        order = self._read(objects.order, node)
        if any(objects.key_in(line["returnReasonNote"]) == key for line in _return_lines(node)):
            return order
        if order.status is not OrderStatus.DELIVERED:
            raise ToolFailed(f"{order.id} is {order.status.value}, not delivered.", hint="Look at it again.")
        if payment_method_id not in {p.payment_method_id for p in order.payments}:
            raise ToolFailed("A return to another payment method: not supported by this shop.")
        data = await self._graphql.query(graphql.RETURNABLE, {"orderId": node["id"]})
        lines = _picked(data, item_ids, objects.note("return", key))
        await self._graphql.mutate(
            graphql.RETURN, {"input": {"orderId": node["id"], "returnLineItems": lines}}, field="returnCreate"
        )
        return await self._afterwards(self.get_order(order_id))

    async def modify_order_address(self, order_id: str, address: Mapping[str, str], *, key: str) -> Order:
        """Setting the same address twice is the same as once: it needs no key."""
        _refuse_bad_key(key)
        node = await self._order_node(order_id)
        order = self._read(objects.order, node)
        if order.status is not OrderStatus.PENDING:
            raise ToolFailed(f"{order.id} is {order.status.value}, not pending.", hint="Look at it again.")
        given = {"id": node["id"], "shippingAddress": _shipping_address(node, address)}
        await self._graphql.mutate(graphql.ADDRESS, {"input": given}, field="orderUpdate")
        return await self._afterwards(self.get_order(order_id))

    async def exchange_items(self, *_given: object, **_named: object) -> Order:
        raise _unsupported("Exchanging items")

    async def modify_items(self, *_given: object, **_named: object) -> Order:
        raise _unsupported("Changing the items of an order")

    async def modify_order_payment(self, *_given: object, **_named: object) -> Order:
        raise _unsupported("Changing how an order is paid")

    async def modify_customer_address(self, *_given: object, **_named: object) -> Customer:
        raise _unsupported("Changing a customer's address")

    # ------------------------------------------------------------ parts

    async def _order_node(self, order_id: str) -> Mapping[str, Any]:
        if not _ORDER_NAME.fullmatch(order_id):
            raise NotFound(f"There is no order {order_id}.")
        data = await self._graphql.query(graphql.ORDER_BY_NAME, {"query": f'name:"{order_id}"'})
        for node in data["orders"]["nodes"]:
            if node["name"] == order_id:  # their search also finds names that only begin like this
                return dict(node)
        raise NotFound(f"There is no order {order_id}.")

    async def _by_id(self, document: str, field: str, kind: str, wanted: str) -> Mapping[str, Any]:
        if not _ID.fullmatch(wanted):
            raise NotFound(f"There is no {field} {wanted}.")
        data = await self._graphql.query(document, {"id": objects.gid(kind, wanted)})
        if not data.get(field):
            raise NotFound(f"There is no {field} {wanted}.")
        return data

    def _product(self, data: Mapping[str, Any], node: Mapping[str, Any]) -> Product:
        return self._read(lambda one: objects.product(one, data["shop"]["currencyCode"]), node)

    def _already(self, node: Mapping[str, Any], key: str, amount: Money) -> Refund | None:
        """The refund with that key: Shopify forgets keys after a day, its refunds keep theirs."""
        for done in self._read(objects.refunds, node):
            if done.idempotency_key != key:
                continue
            if done.amount != amount:
                raise ToolFailed("This idempotency key was used for another request.")
            return done
        return None

    def _read(
        self, convert: Callable[[Mapping[str, Any]], ReadT], node: Mapping[str, Any], *, changes: bool = False
    ) -> ReadT:
        try:
            return convert(node)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"Shopify sent an object that cannot be read ({type(error).__name__})."
            raise (OutcomeUnknown(what) if changes else DependencyUnavailable(what)) from error

    async def _afterwards(self, reading: Awaitable[ReadT]) -> ReadT:
        """What is read after a change: failing to read does not mean that nothing was done."""
        try:
            return await reading
        except CopilotError as error:
            raise OutcomeUnknown(f"The change was accepted, but not read back: {error.message}") from error


def _transaction(order: Order, amount: Money, node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payment that can take all of it back; the shop checks once more."""
    if amount.minor <= 0 or amount.currency != order.currency:
        raise ToolFailed(
            f"{amount} cannot be refunded.", hint=f"Refund a positive amount in {order.currency}."
        )
    method_id = order.refund_method(amount)
    for transaction in node["transactions"]:
        if method_id is not None and objects.tail(transaction["id"]) == method_id:
            return dict(transaction)
    raise ToolFailed(
        f"{amount} is more than is left to refund on {order.id}: {order.refundable}.", hint="Refund less."
    )


def _return_lines(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [line for one in node["returns"]["nodes"] for line in one["returnLineItems"]["nodes"]]


def _picked(data: Mapping[str, Any], item_ids: Sequence[str], reason_note: str) -> list[dict[str, Any]]:
    """The returnable lines that hold the items named, each as often as it is named."""
    wanted, lines = Counter(item_ids), []
    for fulfillment in data["returnableFulfillments"]["nodes"]:
        for line in fulfillment["returnableFulfillmentLineItems"]["nodes"]:
            sold = line["fulfillmentLineItem"]["lineItem"]
            item_id = objects.tail((sold["variant"] or sold)["id"])
            if taken := min(wanted[item_id], line["quantity"]):
                wanted[item_id] -= taken
                lines.append(
                    {
                        "fulfillmentLineItemId": line["fulfillmentLineItem"]["id"],
                        "quantity": taken,
                        "returnReason": "OTHER",
                        "returnReasonNote": reason_note,
                    }
                )
    if not lines or +wanted:
        raise ToolFailed(f"{', '.join(+wanted) or 'Nothing'} cannot be returned (any more).")
    return lines


def _shipping_address(node: Mapping[str, Any], address: Mapping[str, str]) -> dict[str, str | None]:
    country = address["country"].strip()
    code = _ISO_COUNTRIES.get(country.upper(), country.upper())
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise InvalidInput(f"{country!r} is no country Shopify knows.", hint="Use its two-letter code.")
    before = node["shippingAddress"] or {}
    return {
        "firstName": before.get("firstName"),
        "lastName": before.get("lastName"),
        "address1": address["address1"],
        "address2": address.get("address2") or None,
        "city": address["city"],
        "provinceCode": address["state"],
        "countryCode": code,
        "zip": address["zip"],
    }


def _refuse_bad_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise InvalidInput("The idempotency key holds characters that cannot be sent.")


def _unsupported(what: str) -> ToolFailed:
    return ToolFailed(f"{what}: not supported by this shop.", hint="Do it in Shopify.")
