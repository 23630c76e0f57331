"""Stripe's refunds on loopback: forms, error objects, idempotency and paging as docs.stripe.com has them."""

import re
import threading
import time
from contextlib import contextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from tests.servers.faults import Faults, serving

SECRET = "sk_test_4711"  # noqa: S105 - of a server that lives for a test
VERSION = "2026-09-30.endive"
TAKEN = {"payment_intent", "charge", "amount", "reason"}


def error(status, message, *, kind="invalid_request_error", code=None, param=None):
    said = {"type": kind, "message": message, "doc_url": f"https://stripe.com/docs/error-codes/{code}"}
    said |= {"code": code} if code else {}
    said |= {"param": param} if param else {}
    return JSONResponse({"error": said}, status)


class StripeServer:
    """`intents` are paid PaymentIntents; `faults` spoil the answers to refunds."""

    def __init__(self, *, hang_seconds=1.0):
        self.faults = Faults(
            lambda: error(429, "Request rate limit exceeded.", code="rate_limit"), hang_seconds=hang_seconds
        )
        self.url = ""
        self.intents = {}
        self.refunds = []
        self.next_status = "succeeded"
        self._saved = {}
        self._in_use = set()
        self._lock = threading.Lock()

    def paid(self, order_id, amount, currency="usd", intent=None):
        intent = intent or f"pi_{len(self.intents) + 1:08d}"
        self.intents[intent] = {
            "id": intent,
            "object": "payment_intent",
            "amount": amount,
            "currency": currency,
            "status": "succeeded",
            "metadata": {"order_id": order_id},
        }
        return intent

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        app.add_api_route("/v1/refunds", self._create, methods=["POST"])
        app.add_api_route("/v1/refunds", self._list, methods=["GET"])
        app.add_api_route("/v1/payment_intents/search", self._search, methods=["GET"])
        return app

    def _unauthorised(self, request):
        given = request.headers.get("authorization", "")
        if given != f"Bearer {SECRET}":
            return error(401, f"Invalid API Key provided: {given.removeprefix('Bearer ')}")
        if request.headers.get("stripe-version") != VERSION:
            return error(400, "Invalid Stripe API version")
        return None

    async def _create(self, request: Request):
        if refused := self._unauthorised(request):
            return refused
        form, key = dict(await request.form()), request.headers.get("idempotency-key")
        with self._lock:
            if key in self._in_use:
                said = (
                    "There is currently another in-progress request using this Stripe account with this key."
                )
                return error(409, said, kind="idempotency_error", code="idempotency_key_in_use")
            if key in self._saved:
                self.faults.requests.append(request)
                asked, answer = self._saved[key]
                if asked != form:
                    said = "Keys for idempotent requests can only be used with the same parameters."
                    return error(400, said, kind="idempotency_error")
                return JSONResponse(answer[1], answer[0], headers={"Idempotent-Replayed": "true"})
            self._in_use.add(key)

        async def commit():
            status, body = self._refund(form)
            if status != 400 or body["error"].get("code") != "parameter_unknown":
                self._saved[key] = (form, (status, body))
            return JSONResponse(body, status)

        try:
            fault = self.faults.queue[0] if self.faults.queue else None
            if fault == "error_before":  # execution began: v1 keeps this answer too
                body = {"error": {"type": "api_error", "message": "An unknown error occurred"}}
                self._saved[key] = (form, (500, body))
            return await self.faults.around(request, commit)
        finally:
            self._in_use.discard(key)

    def _refund(self, form):
        unknown = [n for n in form if n not in TAKEN and not re.fullmatch(r"metadata\[\w+\]", n)]
        if unknown:
            refused = f"Received unknown parameter: {unknown[0]}"
            return 400, {
                "error": {"type": "invalid_request_error", "code": "parameter_unknown", "message": refused}
            }
        intent = self.intents.get(form.get("payment_intent"))
        if intent is None:
            said = f"No such payment_intent: '{form.get('payment_intent')}'"
            return 404, {
                "error": {"type": "invalid_request_error", "code": "resource_missing", "message": said}
            }
        left = intent["amount"] - sum(
            r["amount"]
            for r in self.refunds
            if r["payment_intent"] == intent["id"] and r["status"] not in {"failed", "canceled"}
        )
        amount = int(form["amount"])
        if left == 0:
            said = f"Charge for {intent['id']} has already been refunded."
            return 400, {
                "error": {"type": "invalid_request_error", "code": "charge_already_refunded", "message": said}
            }
        if not 0 < amount <= left:
            asked = f"Refund amount (${amount / 100:.2f})"
            said = f"{asked} is greater than unrefunded amount on charge (${left / 100:.2f})"
            return 400, {"error": {"type": "invalid_request_error", "message": said, "param": "amount"}}
        made = {
            "id": f"re_{len(self.refunds) + 1:08d}",
            "object": "refund",
            "amount": amount,
            "charge": intent["id"].replace("pi_", "ch_"),
            "created": int(time.time()),
            "currency": intent["currency"],
            "metadata": {n[9:-1]: v for n, v in form.items() if n.startswith("metadata[")},
            "payment_intent": intent["id"],
            "reason": form.get("reason"),
            "status": self.next_status,
        }
        if self.next_status == "failed":
            made["failure_reason"] = "lost_or_stolen_card"
        self.refunds.append(made)
        return 200, made

    async def _list(self, request: Request):
        if refused := self._unauthorised(request):
            return refused
        asked = request.query_params
        found = [r for r in reversed(self.refunds) if r["payment_intent"] == asked["payment_intent"]]
        if after := asked.get("starting_after"):
            found = found[[r["id"] for r in found].index(after) + 1 :]
        limit = int(asked["limit"])
        return JSONResponse(
            {"object": "list", "url": "/v1/refunds", "has_more": len(found) > limit, "data": found[:limit]}
        )

    async def _search(self, request: Request):
        if refused := self._unauthorised(request):
            return refused
        (order_id,) = re.fullmatch(
            r"metadata\['order_id'\]:'([^']+)' AND status:'succeeded'", request.query_params["query"]
        ).groups()
        found = [i for i in self.intents.values() if i["metadata"]["order_id"] == order_id]
        return JSONResponse({"object": "search_result", "has_more": False, "data": found})


@contextmanager
def stripe_server(*, hang_seconds=1.0):
    server = StripeServer(hang_seconds=hang_seconds)
    with serving(server.app()) as url:
        server.url = url
        yield server
