"""A shop behind REST as rest_shop.openapi.yaml describes it; its rules are the fake order system's."""

from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from tests.servers.faults import Faults, serving

from copilot.adapters.shop_http import decimal_string, minor_units
from copilot.domain.commerce import Money
from copilot.domain.errors import CopilotError, NotFound

MAPPING = Path(__file__).parent / "rest_shop.mapping.yaml"
SECRET = "rest_secret_4711"  # noqa: S105 - of a server that lives for a test
STATES = {
    "pending": "open",
    "processed": "picking",
    "shipped": "sent",
    "delivered": "arrived",
    "cancelled": "canceled",
}


def money(amount):
    return amount and {"value": decimal_string(amount.minor), "currency": amount.currency}


def address(known):
    return {
        "line1": known.address1,
        "line2": known.address2,
        "town": known.city,
        "region": known.state,
        "country": known.country,
        "postcode": known.zip,
    }


def customer(known):
    kinds = {"credit_card": "card", "gift_card": "giftcard", "paypal": "paypal"}
    return {
        "id": known.id,
        "name": {"given": known.first_name, "family": known.last_name},
        "email": known.email,
        "circle": known.loyalty_tier,
        "orders": list(known.order_ids),
        "address": address(known.address),
        "wallet": [
            {
                "id": m.id,
                "kind": kinds[m.source.value],
                "brand": m.brand,
                "last4": m.last_four,
                "balance": money(m.balance),
            }
            for m in known.payment_methods
        ],
    }


def lines(items):
    """Equal units stand in one line with a quantity."""
    result = []
    for item in items:
        line = {
            "sku": item.item_id,
            "product": item.product_id,
            "title": item.name,
            "unitPrice": money(item.price),
            "options": item.options,
            "department": item.category,
            "clearance": item.final_sale,
        }
        if result and result[-1] == line | {"quantity": result[-1]["quantity"]}:
            result[-1]["quantity"] += 1
        else:
            result.append(line | {"quantity": 1})
    return result


def refund(done):
    return {
        "id": done.id,
        "order": done.order_id,
        "total": money(done.amount),
        "reason": done.reason,
        "instrument": done.payment_method_id,
        "key": done.idempotency_key,
        "at": done.created_at.isoformat(),
    }


def order(known):
    moments = {
        "placed": known.placed_at,
        "sent": known.shipped_at,
        "arrived": known.delivered_at,
        "due": known.expected_at,
    }
    claim = known.request and {
        "lines": list(known.request.item_ids),
        "for": list(known.request.new_item_ids),
        "instrument": known.request.payment_method_id,
        "difference": money(known.request.price_difference),
    }
    return {
        "number": known.id,
        "customer": {"id": known.customer_id},
        "state": STATES.get(known.status.value, known.status.value),
        "lines": lines(known.items),
        "shipTo": address(known.address),
        "movements": [
            {
                "kind": "charge" if p.transaction_type == "payment" else "credit",
                "total": money(p.amount),
                "instrument": p.payment_method_id,
            }
            for p in known.payments
        ],
        "dates": {name: at and at.isoformat() for name, at in moments.items()},
        "cancellation": known.cancel_reason and {"reason": known.cancel_reason},
        "refunds": [refund(r) for r in known.refunds],
        "claim": claim,
    }


def product(known):
    return {
        "code": known.id,
        "title": known.name,
        "department": known.category,
        "skus": [
            {
                "sku": v.item_id,
                "product": v.product_id,
                "options": v.options,
                "inStock": v.available,
                "price": money(v.price),
            }
            for v in known.variants
        ],
    }


def error(status, message):
    return JSONResponse({"error": {"code": status, "message": message}}, status)


class RestServer:
    """`shop` keeps the truth; `faults` spoil the answers to changes."""

    def __init__(self, shop, *, hang_seconds=1.0):
        self.shop = shop
        self.faults = Faults(lambda: error(429, "Slow down."), hang_seconds=hang_seconds)
        self.url = ""

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        reads = {
            "/customers/{one}": lambda r, one: self._wrapped(
                "customer", customer, self.shop.get_customer(one)
            ),
            "/orders/{one}": lambda r, one: self._wrapped("order", order, self.shop.get_order(one)),
            "/products/{one}": lambda r, one: self._wrapped(None, product, self.shop.get_product(one)),
        }
        for path, read in reads.items():
            app.add_api_route("/v1" + path, self._reader(read), methods=["GET"])
        app.add_api_route("/v1/customers", self._search, methods=["GET"])
        app.add_api_route("/v1/products", self._products, methods=["GET"])
        app.add_api_route("/v1/orders/{one}/refunds", self._refunds, methods=["GET"])
        for method, path, change in (
            ("POST", "/orders/{one}/refunds", self._refund),
            ("POST", "/orders/{one}/cancellation", self._cancel),
            ("POST", "/orders/{one}/returns", self._return),
            ("POST", "/orders/{one}/exchanges", self._exchange),
            ("PUT", "/orders/{one}/lines", self._modify),
            ("PUT", "/orders/{one}/ship-to", self._ship_to),
            ("PUT", "/orders/{one}/instrument", self._instrument),
            ("PUT", "/customers/{one}/address", self._address),
        ):
            app.add_api_route("/v1" + path, self._changer(change), methods=[method])
        return app

    def _reader(self, read):
        async def answer(request: Request, one: str):
            if refused := self._unauthorised(request):
                return refused
            return await read(request, one)

        return answer

    def _changer(self, change):
        async def answer(request: Request, one: str):
            if refused := self._unauthorised(request):
                return refused
            body, key = await request.json(), request.headers.get("idempotency-key")
            if not key:
                return error(400, "The header Idempotency-Key is missing.")

            async def commit():
                try:
                    return JSONResponse(await change(one, body, key), 201)
                except NotFound as found:
                    return error(404, str(found))
                except CopilotError as refused:
                    return error(422, str(refused))

            return await self.faults.around(request, commit)

        return answer

    def _unauthorised(self, request):
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return error(401, f"Not with {request.headers.get('authorization')}.")
        return None

    async def _wrapped(self, name, shape, found):
        try:
            shaped = shape(await found)
        except CopilotError as missing:
            return error(404, str(missing))
        return JSONResponse({name: shaped} if name else shaped)

    async def _search(self, request: Request):
        if refused := self._unauthorised(request):
            return refused
        asked = request.query_params
        everybody = self.shop._customers.values()
        if "email" in asked:  # a search as loose as shops have them
            found = [c for c in everybody if asked["email"].lower() in c.email.lower()]
        else:
            found = [c for c in everybody if c.address.zip == asked["postcode"]]
        return JSONResponse({"data": [customer(c) for c in found]})

    async def _products(self):
        return JSONResponse({"data": [product(p) for p in await self.shop.list_products()]})

    async def _refunds(self, one: str):
        try:
            return JSONResponse({"data": [refund(r) for r in await self.shop.refunds(one)]})
        except NotFound as missing:
            return error(404, str(missing))

    async def _refund(self, one, body, key):
        asked = body["total"]
        amount = Money(minor=minor_units(asked["value"]), currency=asked["currency"])
        return refund(await self.shop.refund(one, amount, body["reason"], key=key))

    async def _cancel(self, one, body, key):
        return {"order": order(await self.shop.cancel_order(one, body["reason"], key=key))}

    async def _return(self, one, body, key):
        await self.shop.return_items(one, body["lines"], body["refundTo"], key=key)
        return {"accepted": True}

    async def _exchange(self, one, body, key):
        swap = body["lines"], body["for"], body["settle"]["instrument"]
        return {"order": order(await self.shop.exchange_items(one, *swap, key=key))}

    async def _modify(self, one, body, key):
        swap = body["lines"], body["for"], body["settle"]["instrument"]
        return {"order": order(await self.shop.modify_items(one, *swap, key=key))}

    async def _ship_to(self, one, body, key):
        return {"order": order(await self.shop.modify_order_address(one, _address(body), key=key))}

    async def _instrument(self, one, body, key):
        return {"order": order(await self.shop.modify_order_payment(one, body["instrument"], key=key))}

    async def _address(self, one, body, key):
        await self.shop.modify_customer_address(one, _address(body), key=key)
        return {}


def _address(body):
    return {
        "address1": body["line1"],
        "address2": body["line2"],
        "city": body["town"],
        "state": body["region"],
        "country": body["country"],
        "zip": body["postcode"],
    }


@contextmanager
def rest_server(shop, *, hang_seconds=1.0):
    server = RestServer(shop, hang_seconds=hang_seconds)
    with serving(server.app()) as url:
        server.url = f"{url}/v1"
        yield server
