"""Refunds through Stripe (API v1), for orders that are kept elsewhere.

Stripe honours an `Idempotency-Key` for at least 24 hours and replays what it answered first, errors of its
own included; each refund also keeps our key in its metadata, by which it is found again however late.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from copilot.adapters.shop_http import Answer, HttpLimits, ShopHttp, checked_key, dig
from copilot.domain.commerce import Customer, Money, Order, PaymentRecord, Product, Refund
from copilot.domain.errors import (
    ConfigurationError,
    CopilotError,
    DependencyUnavailable,
    NotFound,
    OutcomeUnknown,
    ToolFailed,
)
from copilot.ports import OrderSystem

BASE_URL: Final = "https://api.stripe.com"
API_VERSION: Final = "2026-09-30.endive"
_PAGE = 100
_MOST_PAGES = 20
# Their minor unit is not a hundredth: https://docs.stripe.com/currencies#zero-decimal
_NOT_CENTS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
        "BHD",
        "JOD",
        "KWD",
        "OMR",
        "TND",
    ]
)
_NOT_MOVED = frozenset({"failed", "canceled"})
_PAYMENT = re.compile(r"(pi|ch|py)_[A-Za-z0-9]{1,120}")
_ORDER_ID = re.compile(r"#?[A-Za-z0-9][A-Za-z0-9-]{0,40}")
_UNAUTHORISED, _FORBIDDEN, _MISSING, _CONFLICT, _FAILED_ELSEWHERE, _TOO_MANY = 401, 403, 404, 409, 424, 429
_SERVER_ERROR = 500


class StripeRefunds:
    """The refunds resource. Nothing is retried here: whoever holds the key decides."""

    def __init__(
        self, *, secret_key: str, base_url: str = BASE_URL, limits: HttpLimits | None = None
    ) -> None:
        self._http = ShopHttp(
            base_url,
            name="Stripe",
            credentials={"Authorization": f"Bearer {secret_key}"},
            limits=limits,
        )

    async def close(self) -> None:
        await self._http.close()

    async def create(self, payment: str, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        """Refunds `amount` of a PaymentIntent (`pi_…`) or charge (`ch_…`)."""
        if amount.currency in _NOT_CENTS:
            raise ToolFailed(f"Refunds in {amount.currency}: not supported by this shop.")
        form = {
            _kind(payment): payment,
            "amount": str(amount.minor),
            "reason": "requested_by_customer",
            "metadata[order_id]": order_id,
            "metadata[reason]": reason,
            "metadata[copilot_key]": key,
        }
        answer = await self._http.send(
            "POST",
            "/v1/refunds",
            changes=True,
            form=form,
            headers=_headers() | {"Idempotency-Key": checked_key(key)},
        )
        self._refuse(answer, changes=True)
        if dig(answer.body, "status") in _NOT_MOVED:
            raise ToolFailed(
                self._http.reason(dig(answer.body, "failure_reason"), "The refund failed at the bank."),
                hint="Look at it in Stripe.",
            )
        return self._refund(answer.body, order_id, changes=True)

    async def of_payment(self, payment: str, order_id: str) -> list[Refund]:
        """Oldest first; refunds that failed or were canceled moved no money and are left out."""
        found: list[Refund] = []
        params = {_kind(payment): payment, "limit": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            answer = await self._get("/v1/refunds", params)
            page = dig(answer.body, "data")
            if not isinstance(page, list):
                raise self._http.trouble("answered without the list asked for", changes=False)
            found += [
                self._refund(one, order_id, changes=False)
                for one in page
                if dig(one, "status") not in _NOT_MOVED
            ]
            if not dig(answer.body, "has_more") or not page:
                return found[::-1]
            params["starting_after"] = str(dig(page[-1], "id"))
        # Half a list could hide the very refund that is looked for.
        raise DependencyUnavailable("The payment has more refunds than can be read.")

    async def payment_of(self, order_id: str) -> str:
        """The PaymentIntent whose metadata names the order. `NotFound`, or `ToolFailed` when several do."""
        if not _ORDER_ID.fullmatch(order_id):
            raise NotFound(f"There is no payment for {order_id}.")
        answer = await self._get(
            "/v1/payment_intents/search",
            {"query": f"metadata['order_id']:'{order_id}' AND status:'succeeded'"},
        )
        page = dig(answer.body, "data")
        if not isinstance(page, list):
            raise self._http.trouble("answered without the list asked for", changes=False)
        # What was found has to say itself that it is the order's: the index behind a search may lag.
        fitting = [str(dig(one, "id")) for one in page if dig(one, "metadata.order_id") == order_id]
        if not fitting:
            raise NotFound(f"Stripe knows no payment for {order_id}.")
        if len(fitting) > 1:
            raise ToolFailed(
                f"{order_id} was paid in {len(fitting)} payments.", hint="Refund it in Stripe's dashboard."
            )
        return fitting[0]

    async def _get(self, path: str, params: Mapping[str, str]) -> Answer:
        answer = await self._http.send("GET", path, changes=False, params=params, headers=_headers())
        self._refuse(answer, changes=False)
        return answer

    def _refuse(self, answer: Answer, *, changes: bool) -> None:
        """Their status, type and code as one of our errors; nothing when all went well."""
        if answer.ok:
            if not isinstance(answer.body, Mapping):
                raise self._http.trouble("answered with something that is not JSON", changes=changes)
            return
        code, kind = dig(answer.body, "error.code"), dig(answer.body, "error.type")
        said = self._http.reason(dig(answer.body, "error.message"), f"Stripe refused (HTTP {answer.status}).")
        if answer.status in {_UNAUTHORISED, _FORBIDDEN}:
            raise ConfigurationError(
                "Stripe does not accept our key for this.", hint="Check COPILOT_STRIPE_SECRET (or …_FILE)."
            )
        if answer.status == _TOO_MANY:
            raise DependencyUnavailable("Stripe has asked us to go slower.", hint="Nothing was done.")
        if code == "idempotency_key_in_use":
            raise OutcomeUnknown("Stripe is still working on this very request.")
        if kind == "idempotency_error":
            raise ToolFailed("This idempotency key was used for another request.")
        if (
            answer.redirects
            or answer.status in {_CONFLICT, _FAILED_ELSEWHERE}
            or answer.status >= _SERVER_ERROR
        ):
            raise self._http.trouble(f"answered HTTP {answer.status}", changes=changes)
        if answer.status == _MISSING:
            raise NotFound(said)
        raise ToolFailed(said)

    def _refund(self, node: object, order_id: str, *, changes: bool) -> Refund:
        try:
            return _as_refund(node, order_id)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise self._http.trouble("sent a refund that cannot be read", changes=changes) from error


class StripeRefundingShop:
    """An order system whose payments are at Stripe: `refund` goes there, all else to `orders`.

    An order's payment is the one that `orders` names by a Stripe id (`pi_…`, `ch_…`), else the PaymentIntent
    whose metadata holds `order_id`. What would make `orders` move money itself is refused.
    """

    def __init__(self, orders: OrderSystem, stripe: StripeRefunds) -> None:
        self._orders = orders
        self._stripe = stripe

    async def find_customer_by_email(self, email: str) -> Customer:
        return await self._orders.find_customer_by_email(email)

    async def find_customer_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> Customer:
        return await self._orders.find_customer_by_name_zip(first_name, last_name, zip_code)

    async def get_customer(self, customer_id: str) -> Customer:
        return await self._orders.get_customer(customer_id)

    async def get_product(self, product_id: str) -> Product:
        return await self._orders.get_product(product_id)

    async def list_products(self) -> list[Product]:
        return await self._orders.list_products()

    async def get_order(self, order_id: str) -> Order:
        """With what Stripe has given back."""
        order = await self._orders.get_order(order_id)
        try:
            payment = await self._payment(order)
        except (NotFound, ToolFailed):
            return order  # can be looked at; `refund` says why it cannot be refunded here
        return _with_refunds(order, await self._stripe.of_payment(payment, order.id))

    async def refunds(self, order_id: str) -> list[Refund]:
        return list((await self.get_order(order_id)).refunds)

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        order = await self.get_order(order_id)
        for done in order.refunds:
            if done.idempotency_key == key:
                if done.amount != amount:
                    raise ToolFailed("This idempotency key was used for another request.")
                return done
        if amount.minor <= 0 or amount.currency != order.currency:
            raise ToolFailed(
                f"{amount} cannot be refunded.", hint=f"Refund a positive amount in {order.currency}."
            )
        method_id = order.refund_method(amount)
        if method_id is None:
            raise ToolFailed(
                f"{amount} is more than is left to refund on {order.id}: {order.refundable}.",
                hint="Refund less.",
            )
        payment = await self._payment(order)
        made = await self._stripe.create(payment, order.id, amount, reason, key=key)
        return made.model_copy(update={"payment_method_id": method_id})

    async def return_items(
        self, order_id: str, item_ids: Sequence[str], payment_method_id: str, *, key: str
    ) -> Order:
        done = await self._orders.return_items(order_id, item_ids, payment_method_id, key=key)
        return await self._shown(done)

    async def exchange_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order:
        done = await self._orders.exchange_items(order_id, item_ids, new_item_ids, payment_method_id, key=key)
        return await self._shown(done)

    async def modify_order_address(self, order_id: str, address: Mapping[str, str], *, key: str) -> Order:
        return await self._shown(await self._orders.modify_order_address(order_id, address, key=key))

    async def modify_customer_address(
        self, customer_id: str, address: Mapping[str, str], *, key: str
    ) -> Customer:
        return await self._orders.modify_customer_address(customer_id, address, key=key)

    async def cancel_order(self, *_given: object, **_named: object) -> Order:
        raise _unsupported("Cancelling an order")

    async def modify_items(self, *_given: object, **_named: object) -> Order:
        raise _unsupported("Changing the items of an order")

    async def modify_order_payment(self, *_given: object, **_named: object) -> Order:
        raise _unsupported("Changing how an order is paid")

    async def _payment(self, order: Order) -> str:
        for record in order.payments:
            if record.transaction_type == "payment" and _PAYMENT.fullmatch(record.payment_method_id):
                return record.payment_method_id
        return await self._stripe.payment_of(order.id)

    async def _shown(self, done: Order) -> Order:
        """The order after a change: that is done, even when Stripe's refunds cannot be seen now."""
        try:
            payment = await self._payment(done)
            return _with_refunds(done, await self._stripe.of_payment(payment, done.id))
        except CopilotError:
            return done


def _with_refunds(order: Order, refunds: Sequence[Refund]) -> Order:
    """Also as movements of money, so that what is left to refund is right."""
    known = {r.id for r in order.refunds}
    paid_with = next((p.payment_method_id for p in order.payments if p.transaction_type == "payment"), "")
    new = [r.model_copy(update={"payment_method_id": paid_with}) for r in refunds if r.id not in known]
    records = [
        PaymentRecord(transaction_type="refund", amount=r.amount, payment_method_id=paid_with) for r in new
    ]
    return order.model_copy(
        update={"refunds": (*order.refunds, *new), "payments": (*order.payments, *records)}
    )


def _as_refund(node: Any, order_id: str) -> Refund:  # noqa: ANN401 - whatever Stripe sent
    metadata = node["metadata"] or {}
    return Refund(
        id=node["id"],
        order_id=order_id,
        amount=Money(minor=node["amount"], currency=node["currency"].upper()),
        reason=metadata.get("reason") or node["reason"] or "refunded in Stripe",
        payment_method_id=node["payment_intent"] or node["charge"] or "",
        idempotency_key=metadata.get("copilot_key") or "",
        created_at=datetime.fromtimestamp(node["created"], UTC),
    )


def _kind(payment: str) -> str:
    return "payment_intent" if payment.startswith("pi_") else "charge"


def _headers() -> dict[str, str]:
    return {"Stripe-Version": API_VERSION}


def _unsupported(what: str) -> ToolFailed:
    return ToolFailed(
        f"{what}: not supported by this shop, whose payments are at Stripe.",
        hint="Do it in the shop's own system.",
    )
