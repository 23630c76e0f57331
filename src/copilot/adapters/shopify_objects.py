"""Shopify's objects as our values. Ids lose their `gid://shopify/Type/` here, and get it back outward."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from copilot.adapters.shop_http import dig, minor_units
from copilot.domain.commerce import (
    Address,
    Customer,
    ItemRequest,
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

Node = Mapping[str, Any]

_KEY = re.compile(r"\[copilot:([^\]]+)\]")
_PAID = frozenset({"SALE", "CAPTURE"})
_RECEIVED = frozenset({"SUCCESS"})
_GIVEN_BACK = frozenset({"SUCCESS", "PENDING", "AWAITING_RESPONSE"})
_NOT_MOVED = frozenset({"FAILURE", "ERROR"})
_RETURNING = frozenset({"RETURN_REQUESTED", "IN_PROGRESS"})
_PACKING = frozenset({"IN_PROGRESS", "PARTIALLY_FULFILLED", "PENDING_FULFILLMENT"})
_AROUND = timedelta(minutes=10)
COUNTRIES = {"US": "USA"}


def gid(kind: str, tail: str) -> str:
    return f"gid://shopify/{kind}/{tail}"


def tail(node_id: str) -> str:
    return node_id.rsplit("/", 1)[-1]


def note(reason: str, key: str) -> str:
    """What is written beside a refund, a cancellation or a return, so that it is found again by our key."""
    return f"{reason.replace('[', '(').replace(']', ')')} [copilot:{key}]"


def key_in(text: object) -> str | None:
    found = _KEY.search(text) if isinstance(text, str) else None
    return found.group(1) if found else None


def money(bag: Node) -> Money:
    """What the customer sees: the presentment side. `ValueError` for fractions of a cent."""
    shown = bag["presentmentMoney"]
    return Money(minor=minor_units(shown["amount"]), currency=shown["currencyCode"])


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def customer(node: Node) -> Customer:
    return Customer(
        id=tail(node["id"]),
        first_name=node["firstName"] or "",
        last_name=node["lastName"] or "",
        email=dig(node, "defaultEmailAddress.emailAddress") or "",
        phone=dig(node, "defaultPhoneNumber.phoneNumber"),
        address=_address(node["defaultAddress"]),
        payment_methods=_methods(t for o in node["orders"]["nodes"] for t in o["transactions"]),
        order_ids=tuple(o["name"] for o in node["orders"]["nodes"]),
    )


def _methods(transactions: Iterable[Node]) -> tuple[PaymentMethod, ...]:
    """Shopify shows no wallet: a payment method is the transaction that was paid with it."""
    methods = []
    for transaction in transactions:
        if transaction["kind"] not in _PAID or transaction["status"] not in _RECEIVED:
            continue
        card = transaction["paymentDetails"] or {}
        digits = "".join(c for c in card.get("number") or "" if c.isdigit())
        sources = {"gift_card": PaymentSource.GIFT_CARD, "paypal": PaymentSource.PAYPAL}
        methods.append(
            PaymentMethod(
                id=tail(transaction["id"]),
                source=sources.get(transaction["gateway"], PaymentSource.CREDIT_CARD),
                brand=card.get("company"),
                last_four=digits[-4:] or None,
            )
        )
    return tuple(methods)


def _address(node: Node | None) -> Address:
    node = node or {}
    country = node.get("countryCodeV2") or ""
    return Address(
        address1=node.get("address1") or "",
        address2=node.get("address2") or "",
        city=node.get("city") or "",
        state=node.get("provinceCode") or "",
        country=COUNTRIES.get(country, country),
        zip=node.get("zip") or "",
    )


def order(node: Node) -> Order:
    given_back = refunds(node)
    fulfillments = node["fulfillments"]
    tracking = [t for f in fulfillments for t in f["trackingInfo"]]
    cancelled = node["cancelledAt"] is not None
    return Order(
        id=node["name"],
        customer_id=tail(node["customer"]["id"]) if node["customer"] else "",
        status=_status(node),
        items=tuple(_lines(node)),
        address=_address(node["shippingAddress"]),
        payments=_payments(node["transactions"]),
        placed_at=moment(node["createdAt"]),
        shipped_at=min(_moments(fulfillments, "createdAt"), default=None),
        delivered_at=_delivered_at(fulfillments),
        expected_at=max(_moments(fulfillments, "estimatedDeliveryAt"), default=None),
        carrier=next((t["company"] for t in tracking if t["company"]), None),
        tracking_ids=tuple(t["number"] for t in tracking if t["number"]),
        shipping_fee=money(node["totalShippingPriceSet"]),
        cancel_reason=_KEY.sub("", dig(node, "cancellation.staffNote") or "").strip() if cancelled else None,
        refunds=given_back,
        request=_request(node),
    )


def _status(node: Node) -> OrderStatus:
    if node["cancelledAt"] is not None:
        return OrderStatus.CANCELLED
    if node["returnStatus"] in _RETURNING:
        return OrderStatus.RETURN_REQUESTED
    shown = node["displayFulfillmentStatus"]
    if shown == "FULFILLED":
        delivered = _delivered_at(node["fulfillments"]) is not None
        return OrderStatus.DELIVERED if delivered else OrderStatus.SHIPPED
    return OrderStatus.PROCESSED if shown in _PACKING else OrderStatus.PENDING


def _delivered_at(fulfillments: Sequence[Node]) -> datetime | None:
    """When the last parcel arrived; None while one is on its way."""
    arrivals = _moments(fulfillments, "deliveredAt")
    return max(arrivals) if arrivals and len(arrivals) == len(fulfillments) else None


def _moments(nodes: Sequence[Node], field: str) -> list[datetime]:
    return [datetime.fromisoformat(node[field]) for node in nodes if node[field]]


def _lines(node: Node) -> Iterable[LineItem]:
    for line in node["lineItems"]["nodes"]:
        variant, product = line["variant"], line["product"]
        options = {o["name"]: o["value"] for o in variant["selectedOptions"]} if variant else {}
        item = LineItem(
            item_id=tail(variant["id"] if variant else line["id"]),
            product_id=tail(product["id"]) if product else "",
            name=line["title"],
            price=money(line["discountedUnitPriceAfterAllDiscountsSet"]),
            options={} if set(options) == {"Title"} else options,
            category=(product["productType"] or None) if product else None,
            final_sale="final sale" in {t.lower() for t in product["tags"]} if product else False,
        )
        yield from [item] * line["quantity"]


def _payments(transactions: Sequence[Node]) -> tuple[PaymentRecord, ...]:
    records = []
    for one in transactions:
        paid = one["kind"] in _PAID
        if one["status"] not in (_RECEIVED if paid else _GIVEN_BACK) or not (paid or one["kind"] == "REFUND"):
            continue
        source = one if paid else one["parentTransaction"] or one
        records.append(
            PaymentRecord(
                transaction_type="payment" if paid else "refund",
                amount=money(one["amountSet"]),
                payment_method_id=tail(source["id"]),
            )
        )
    return tuple(records)


def refund(node: Node, order_id: str, key: str | None) -> Refund:
    parent = dig(node, "transactions.nodes.0.parentTransaction.id")
    return Refund(
        id=tail(node["id"]),
        order_id=order_id,
        amount=money(node["totalRefundedSet"]),
        reason=_KEY.sub("", node["note"] or "").strip() or "refunded in Shopify",
        payment_method_id=tail(parent) if parent else "",
        idempotency_key=key or "",
        created_at=datetime.fromisoformat(node["createdAt"]),
    )


def moved(node: Node) -> bool:
    """Whether money goes back: a refund all of whose transactions failed has moved none."""
    statuses = {t["status"] for t in node["transactions"]["nodes"]}
    return not statuses or not statuses <= _NOT_MOVED


def refunds(node: Node) -> tuple[Refund, ...]:
    """With the key each was made under; those of a cancellation carry the cancellation's."""
    cancelled = moment(node["cancelledAt"])
    cancel_key = key_in(dig(node, "cancellation.staffNote"))
    result = []
    for one in node["refunds"]:
        if not moved(one):
            continue
        key = key_in(one["note"])
        made = datetime.fromisoformat(one["createdAt"])
        of_cancellation = cancelled is not None and abs(made - cancelled) < _AROUND and not one["note"]
        found = refund(one, node["name"], key or (cancel_key if of_cancellation else None))
        result.append(found.model_copy(update={"reason": "cancelled"}) if of_cancellation else found)
    return tuple(result)


def _request(node: Node) -> ItemRequest | None:
    """The open return. Shopify decides at its end how it is paid back: to the original payment."""
    paid = [t for t in node["transactions"] if t["kind"] in _PAID]
    for one in node["returns"]["nodes"]:
        lines = one["returnLineItems"]["nodes"]
        items = [
            tail(dig(line, "fulfillmentLineItem.lineItem.variant.id") or "")
            for line in lines
            for _ in range(line["quantity"])
        ]
        if one["status"] in {"OPEN", "REQUESTED"} and paid:
            return ItemRequest(item_ids=tuple(sorted(items)), payment_method_id=tail(paid[0]["id"]))
    return None


def product(node: Node, currency: str) -> Product:
    product_id = tail(node["id"])
    return Product(
        id=product_id,
        name=node["title"],
        category=node["productType"] or None,
        variants=tuple(
            ProductVariant(
                item_id=tail(v["id"]),
                product_id=product_id,
                options={o["name"]: o["value"] for o in v["selectedOptions"] if o["name"] != "Title"},
                available=v["availableForSale"],
                price=Money(minor=minor_units(v["price"]), currency=currency),
            )
            for v in node["variants"]["nodes"]
        ),
    )
