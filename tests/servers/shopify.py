"""A Shopify shop on loopback: executes the documents it is sent against shopify.graphql, as Shopify would."""

import json
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from graphql import (
    GraphQLError,
    OperationType,
    build_schema,
    execute_sync,
    get_directive_values,
    get_operation_ast,
    parse,
    validate,
)
from tests.servers.faults import Faults, serving

from copilot.adapters.shop_http import decimal_string, minor_units

SCHEMA = build_schema((Path(__file__).parent / "shopify.graphql").read_text())
DOMAIN = "larkfield.myshopify.com"
TOKEN = "shpat_4711"  # noqa: S105 - of a server that lives for a test
IN_PROGRESS = "This request is currently in progress, please try again."
MISMATCH = "The same idempotency key cannot be used with different operation parameters."
FULFILLMENT = {
    "pending": "UNFULFILLED",
    "processed": "IN_PROGRESS",
    "shipped": "FULFILLED",
    "delivered": "FULFILLED",
    "cancelled": "UNFULFILLED",
}


@cache
def understood(text):
    """The document, and what is wrong with it by the schema."""
    document = parse(text)
    return document, validate(SCHEMA, document)


def gid(kind, tail):
    return f"gid://shopify/{kind}/{tail}"


def bag(minor, currency="USD"):
    shown = {"amount": decimal_string(minor), "currencyCode": currency}
    return {"presentmentMoney": shown, "shopMoney": shown}


def cents(money_bag):
    return minor_units(money_bag["presentmentMoney"]["amount"])


def mailing(address, name=("", "")):
    return {
        "firstName": name[0],
        "lastName": name[1],
        "address1": address.address1,
        "address2": address.address2 or None,
        "city": address.city,
        "provinceCode": address.state,
        "countryCodeV2": {"USA": "US"}[address.country],
        "zip": address.zip,
    }


def nodes(found):
    return {"nodes": found, "pageInfo": {"hasNextPage": False, "endCursor": None}}


class ShopifyServer:
    """`orders` holds the shop's state as GraphQL nodes; `faults` spoil the answers to mutations."""

    def __init__(self, shop, *, hang_seconds=1.0):
        self.faults = Faults(self._throttled, hang_seconds=hang_seconds)
        self.url = ""
        self.documents = []
        """Everything asked, as (operation name, variables)."""
        self.cancels_later = False
        """Leaves a cancellation to a background job that never comes round to it."""
        self._lock = threading.Lock()
        self._keys = {}
        self._next = 9000
        self.customers = {c.id: self._customer(c) for c in shop._customers.values()}
        self.products = {p.id: self._product(p) for p in shop._products.values()}
        self.orders = {o.id: self._order(o) for o in shop._orders.values()}

    # ------------------------------------------------------------ state

    def number(self):
        self._next += 1
        return self._next

    def _customer(self, known):
        return {
            "id": gid("Customer", known.id),
            "firstName": known.first_name,
            "lastName": known.last_name,
            "defaultEmailAddress": {"emailAddress": known.email},
            "defaultPhoneNumber": None,
            "defaultAddress": mailing(known.address),
            "orders": lambda _info, **_: nodes(
                [o for o in self.orders.values() if o["customer"]["id"] == gid("Customer", known.id)]
            ),
        }

    def _product(self, known):
        variants = [
            {
                "id": gid("ProductVariant", v.item_id),
                "price": decimal_string(v.price.minor),
                "availableForSale": v.available,
                "selectedOptions": [{"name": n, "value": o} for n, o in v.options.items()]
                or [{"name": "Title", "value": "Default Title"}],
            }
            for v in known.variants
        ]
        return {
            "id": gid("Product", known.id),
            "title": known.name,
            "productType": known.category or "",
            "tags": [],
            "variants": {"nodes": variants},
        }

    def _order(self, known):
        order_id = gid("Order", self.number())
        delivered = known.delivered_at and known.delivered_at.isoformat()
        fulfillment = {
            "createdAt": (known.shipped_at or known.placed_at).isoformat(),
            "deliveredAt": delivered,
            "estimatedDeliveryAt": known.expected_at and known.expected_at.isoformat(),
            "displayStatus": "DELIVERED" if delivered else "IN_TRANSIT",
            "trackingInfo": [{"company": "UPS", "number": "1Z999"}],
        }
        sent = known.status.value in {"shipped", "delivered"}
        return {
            "id": order_id,
            "name": known.id,
            "createdAt": known.placed_at.isoformat(),
            "cancelledAt": None,
            "cancellation": None,
            "returnStatus": "NO_RETURN",
            "displayFulfillmentStatus": FULFILLMENT[known.status.value],
            "customer": self.customers[known.customer_id],
            "shippingAddress": mailing(known.address, ("Maya", "Berg")),
            "totalShippingPriceSet": bag(0),
            "lineItems": {"nodes": self._lines(known)},
            "fulfillments": [fulfillment] if sent else [],
            "transactions": [self._sale(p) for p in known.payments],
            "refunds": [],
            "returns": {"nodes": []},
        }

    def _sale(self, paid):
        return {
            "id": gid("OrderTransaction", self.number()),
            "kind": "SALE",
            "status": "SUCCESS",
            "gateway": "shopify_payments",
            "amountSet": bag(paid.amount.minor),
            "parentTransaction": None,
            "paymentDetails": {
                "__typename": "CardPaymentDetails",
                "company": "Visa",
                "number": "•••• •••• •••• 8421",
            },
        }

    def _lines(self, known):
        lines = []
        for item in known.items:
            if lines and lines[-1]["variant"]["id"] == gid("ProductVariant", item.item_id):
                lines[-1]["quantity"] += 1
                continue
            product = self.products[item.product_id]
            variant = next(
                v for v in product["variants"]["nodes"] if v["id"] == gid("ProductVariant", item.item_id)
            )
            lines.append(
                {
                    "id": gid("LineItem", self.number()),
                    "title": item.name,
                    "quantity": 1,
                    "variantTitle": None,
                    "variant": variant,
                    "product": product,
                    "discountedUnitPriceAfterAllDiscountsSet": bag(item.price.minor),
                }
            )
        return lines

    def order_by(self, node_id):
        found = next((o for o in self.orders.values() if o["id"] == node_id), None)
        if found is None:
            raise GraphQLError("Order does not exist", extensions={"code": "INVALID_VARIABLE"})
        return found

    # ------------------------------------------------------------ over HTTP

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.post("/admin/api/2026-10/graphql.json")
        async def graphql(request: Request):
            if request.headers.get("x-shopify-access-token") != TOKEN:
                return JSONResponse({"errors": "[API] Invalid API key or access token"}, 401)
            asked = await request.json()
            document, wrong = understood(asked["query"])
            operation = get_operation_ast(document)
            self.documents.append((operation.name.value, asked["variables"]))

            async def commit():
                return self._execute(document, wrong, asked["variables"])

            if operation.operation is OperationType.MUTATION:
                return await self.faults.around(request, commit)
            return await commit()

        return app

    def _execute(self, document, wrong, variables):
        if wrong:
            errors = [{"message": e.message, "extensions": {"code": "undefinedField"}} for e in wrong]
            return JSONResponse({"errors": errors})
        with self._lock:
            done = execute_sync(SCHEMA, document, root_value=self._root(), variable_values=variables)
        body = {"data": done.data} if done.data is not None else {}
        if done.errors:
            body["errors"] = [{"message": e.message, "extensions": e.extensions or {}} for e in done.errors]
        return JSONResponse(body | {"extensions": cost(available=1980)})

    def _throttled(self):
        errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
        return JSONResponse({"errors": errors, "extensions": cost(available=10)})

    # ------------------------------------------------------------ queries and mutations

    def _root(self):
        return {
            "shop": {"currencyCode": "USD"},
            "customer": lambda _info, id: self.customers.get(id.rsplit("/", 1)[-1]),  # noqa: A006
            "customerByIdentifier": self._by_identifier,
            "customers": self._by_name,
            "orders": self._search_orders,
            "product": lambda _info, id: self.products.get(id.rsplit("/", 1)[-1]),  # noqa: A006
            "products": lambda _info, **_: nodes(list(self.products.values())),
            "returnableFulfillments": self._returnable,
            "refundCreate": self._refund_create,
            "orderCancel": self._order_cancel,
            "returnCreate": self._return_create,
            "orderUpdate": self._order_update,
        }

    def _by_identifier(self, _info, identifier):
        wanted = identifier["emailAddress"].lower()
        return next(
            (
                c
                for c in self.customers.values()
                if c["defaultEmailAddress"]["emailAddress"].lower() == wanted
            ),
            None,
        )

    def _by_name(self, _info, query, **_):
        first, last = re.fullmatch(r'first_name:"(.+)" last_name:"(.+)"', query).groups()
        wanted = (first.lower(), last.lower())
        found = [
            c for c in self.customers.values() if (c["firstName"].lower(), c["lastName"].lower()) == wanted
        ]
        return nodes(found)

    def _search_orders(self, _info, query, **_):
        """By beginning, as their search does it."""
        (name,) = re.fullmatch(r'name:"(.+)"', query).groups()
        return nodes([o for o in self.orders.values() if o["name"].startswith(name)])

    def _refund_create(self, info, input):  # noqa: A002
        directive = get_directive_values(
            SCHEMA.get_directive("idempotent"), info.field_nodes[0], info.variable_values
        )
        if directive is None:
            raise GraphQLError(
                "The @idempotent directive is required for this mutation.", extensions={"code": "BAD_REQUEST"}
            )
        asked = json.dumps(input, sort_keys=True)
        before = self._keys.get(directive["key"])
        if before is not None and before[0] != asked:
            return {"userErrors": [{"field": None, "message": MISMATCH}]}
        if before is not None:
            return before[1]
        payload = self._refund(input)
        if not payload["userErrors"]:
            self._keys[directive["key"]] = (asked, payload)
        return payload

    def _refund(self, asked):
        order = self.order_by(asked["orderId"])
        (wanted,) = asked["transactions"]
        parent = next((t for t in order["transactions"] if t["id"] == wanted["parentId"]), None)
        amount = minor_units(wanted["amount"])
        if parent is None or parent["kind"] not in {"SALE", "CAPTURE"} or wanted["kind"] != "REFUND":
            return {"userErrors": [{"field": ["transactions"], "message": "Parent transaction is invalid"}]}
        if amount > self._left(order, parent):
            said = f"Refund of ${wanted['amount']} is more than the amount available to refund"
            return {"userErrors": [{"field": ["transactions"], "message": said}]}
        return {
            "order": order,
            "refund": self.add_refund(order, parent, amount, asked.get("note")),
            "userErrors": [],
        }

    def _left(self, order, parent):
        back = (
            t for t in order["transactions"] if t["kind"] == "REFUND" and t["parentTransaction"] is parent
        )
        return cents(parent["amountSet"]) - sum(cents(t["amountSet"]) for t in back)

    def add_refund(self, order, parent, amount, note):
        transaction = {
            "id": gid("OrderTransaction", self.number()),
            "kind": "REFUND",
            "status": "SUCCESS",
            "gateway": parent["gateway"],
            "amountSet": bag(amount),
            "parentTransaction": parent,
            "paymentDetails": parent["paymentDetails"],
        }
        order["transactions"].append(transaction)
        refund = {
            "id": gid("Refund", self.number()),
            "createdAt": datetime.now(UTC).isoformat(),
            "note": note,
            "totalRefundedSet": bag(amount),
            "transactions": {"nodes": [transaction]},
        }
        order["refunds"].append(refund)
        return refund

    def _order_cancel(self, _info, orderId, refundMethod, restock, reason, staffNote, notifyCustomer):  # noqa: N803
        order = self.order_by(orderId)
        if order["cancelledAt"] or order["fulfillments"]:
            said = {"field": ["orderId"], "message": "Order cannot be cancelled", "code": "INVALID"}
            return {"orderCancelUserErrors": [said], "userErrors": []}
        job = {"id": gid("Job", self.number()), "done": False}
        if self.cancels_later:
            return {"job": job, "orderCancelUserErrors": [], "userErrors": []}
        for parent in [t for t in order["transactions"] if t["kind"] == "SALE"]:
            if refundMethod["originalPaymentMethodsRefund"] and (left := self._left(order, parent)):
                self.add_refund(order, parent, left, None)
        order["cancelledAt"] = datetime.now(UTC).isoformat()
        order["cancellation"] = {"staffNote": staffNote}
        return {"job": job, "orderCancelUserErrors": [], "userErrors": []}

    def _returnable(self, _info, orderId, **_):  # noqa: N803
        order = self.order_by(orderId)
        if not order["fulfillments"] or order["returns"]["nodes"]:
            return nodes([])
        lines = [
            {
                "quantity": line["quantity"],
                "fulfillmentLineItem": {
                    "id": line["id"].replace("LineItem", "FulfillmentLineItem"),
                    "lineItem": line,
                },
            }
            for line in order["lineItems"]["nodes"]
        ]
        return nodes([{"returnableFulfillmentLineItems": {"nodes": lines}}])

    def _return_create(self, _info, returnInput):  # noqa: N803
        order = self.order_by(returnInput["orderId"])
        returnable = self._returnable(None, returnInput["orderId"])["nodes"]
        lines = {
            line["fulfillmentLineItem"]["id"]: line
            for f in returnable
            for line in f["returnableFulfillmentLineItems"]["nodes"]
        }
        asked = returnInput["returnLineItems"]
        if any(
            a["fulfillmentLineItemId"] not in lines
            or a["quantity"] > lines[a["fulfillmentLineItemId"]]["quantity"]
            for a in asked
        ):
            said = {"field": ["returnLineItems"], "message": "Quantity cannot be returned", "code": "INVALID"}
            return {"return": None, "userErrors": [said]}
        made = {
            "id": gid("Return", self.number()),
            "status": "OPEN",
            "returnLineItems": {
                "nodes": [
                    {
                        "__typename": "ReturnLineItem",
                        "quantity": a["quantity"],
                        "returnReasonNote": a["returnReasonNote"],
                        "fulfillmentLineItem": lines[a["fulfillmentLineItemId"]]["fulfillmentLineItem"],
                    }
                    for a in asked
                ]
            },
        }
        order["returns"]["nodes"].append(made)
        order["returnStatus"] = "IN_PROGRESS"
        return {"return": made, "userErrors": []}

    def _order_update(self, _info, input):  # noqa: A002
        order = self.order_by(input["id"])
        given = dict(input["shippingAddress"])
        given["countryCodeV2"] = given.pop("countryCode")
        order["shippingAddress"] = given
        return {"order": order, "userErrors": []}


def cost(*, available):
    return {
        "cost": {
            "requestedQueryCost": 60,
            "actualQueryCost": 20,
            "throttleStatus": {
                "maximumAvailable": 2000.0,
                "currentlyAvailable": available,
                "restoreRate": 100.0,
            },
        }
    }


@contextmanager
def shopify_server(shop, *, hang_seconds=1.0):
    server = ShopifyServer(shop, hang_seconds=hang_seconds)
    with serving(server.app()) as url:
        server.url = url
        yield server
