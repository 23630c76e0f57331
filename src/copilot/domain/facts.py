"""The vocabulary that playbooks and policies may speak of.

Facts come from the conversation, the order system and the policy engine. A fact that is not known is absent.
Order facts speak of the order in question: the one named in the conversation, else the customer's only
recent one. Item facts speak of the item named, else the order's only item.
"""

FACTS: dict[str, str] = {
    "conversation.channel": "chat, email or phone",
    "conversation.customer_turns": "number of customer turns so far",
    "conversation.verified": "whether the representative has verified the customer",
    "conversation.frustrated": "whether the last customer turns are angry",
    "conversation.last_speaker": "customer or representative: who spoke last",
    "conversation.intent": "the playbook's intent name",
    "today": "today, e.g. 23 November 2026",
    "customer.id": "id in the order system",
    "customer.first_name": "",
    "customer.last_name": "",
    "customer.email": "",
    "customer.loyalty_tier": "none, bronze, silver or gold",
    "customer.address": "postal address on one line",
    "entity.order_id": "the order number named last, whether or not it exists",
    "entity.email": "the e-mail address named last",
    "entity.zip": "",
    "entity.phone": "",
    "entity.product": "the product named last",
    "entity.amount": "the amount named last, for display",
    "order.found": "whether the named order exists and belongs to the verified customer",
    "order.id": "",
    "order.status": "pending, processed, shipped, delivered, cancelled, return requested, …",
    "order.item_count": "number of items",
    "order.item_names": "names joined for display",
    "order.total": "what was paid, for display, e.g. $342.81",
    "order.total_minor": "the same in cents",
    "order.refundable": "paid and not refunded yet, for display",
    "order.refundable_minor": "the same in cents",
    "order.refunded_minor": "refunded so far, in cents",
    "order.currency": "ISO 4217",
    "order.shipping_fee": "what was paid for shipping, for display",
    "order.shipping_fee_minor": "the same in cents; 0 when it shipped free",
    "order.payment_method": "for display, e.g. Visa …8421",
    "order.payment_method_id": "id in the order system",
    "order.paid_by_gift_card": "",
    "order.placed_on": "for display, e.g. 3 November 2026",
    "order.days_since_placed": "whole days",
    "order.shipped_on": "for display",
    "order.delivered_on": "for display",
    "order.days_since_delivery": "whole days; absent while not delivered",
    "order.expected_on": "for display",
    "order.days_late": "whole days past the expected date, at delivery or so far; 0 when in time",
    "order.carrier": "",
    "order.tracking_id": "",
    "order.has_final_sale": "whether any item is final sale",
    "order.item_ids": "ids of all items, for tool arguments",
    "item.name": "",
    "item.id": "",
    "item.price": "for display",
    "item.price_minor": "in cents",
    "item.category": "",
    "item.final_sale": "",
    "call.amount_minor": "policy only: the amount of the call being decided, in cents",
    "call.reason": "policy only: the reason argument of the call",
    "call.days_refunded_minor": "policy only: refunded without a return in 365 days, this call included",
    "policy.outcome": "playbooks only: allow, needs_supervisor or deny, of the playbook's first tool",
    "policy.reason": "playbooks only: the deciding findings with their clauses",
}

KNOWN_WITH: dict[str, tuple[str, ...]] = {
    "conversation.verified": ("customer.id", "customer.first_name", "customer.last_name", "customer.email"),
    "order.found": (
        "order.id",
        "order.status",
        "order.item_count",
        "order.item_names",
        "order.item_ids",
        "order.total",
        "order.total_minor",
        "order.refundable",
        "order.refundable_minor",
        "order.refunded_minor",
        "order.currency",
        "order.has_final_sale",
    ),
    "item.name": ("item.id", "item.price", "item.price_minor"),
    "policy.outcome": ("policy.reason",),
}
"""Facts that are there whenever the key's is true or, where it is not a flag, known."""

ALWAYS_KNOWN = frozenset(
    {"conversation.channel", "conversation.customer_turns", "conversation.verified", "today"}
)
