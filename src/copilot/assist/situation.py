"""The facts of a conversation, in the vocabulary of `domain/facts`, and where each of them comes from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from copilot.assist.entities import last_of
from copilot.assist.signals import is_frustrated
from copilot.assist.understanding import customer_said
from copilot.domain.actions import ToolResult
from copilot.domain.assist import OrderView
from copilot.domain.commerce import Customer, LineItem, Order
from copilot.domain.conditions import FactValue
from copilot.domain.conversation import Conversation
from copilot.domain.understanding import Entity, EntityKind, Sentiment, Understanding
from copilot.tools.facts import order_facts

_ENTITY_FACTS = {
    "entity.order_id": EntityKind.ORDER_ID,
    "entity.email": EntityKind.EMAIL,
    "entity.zip": EntityKind.ZIP,
    "entity.phone": EntityKind.PHONE,
    "entity.product": EntityKind.PRODUCT,
    "entity.amount": EntityKind.AMOUNT,
}


_RECENT = timedelta(days=60)


@dataclass(frozen=True)
class Situation:
    """Facts by name, and by a name's first part the tool calls they came from."""

    facts: dict[str, FactValue]
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    order: Order | None = None
    customer: Customer | None = None

    def with_facts(self, more: dict[str, FactValue]) -> "Situation":
        """The same with more facts, which come from the same tool calls as the order's."""
        groups = {name.split(".")[0] for name in more}
        origin = self.sources.get("order", ())
        return Situation(
            facts=self.facts | more,
            sources=self.sources | {g: origin for g in groups if origin and g not in self.sources},
            order=self.order,
            customer=self.customer,
        )


def gather(
    conversation: Conversation,
    understanding: Understanding | None,
    *,
    sentiments: Sequence[Sentiment],
    view: OrderView | None,
    results: Sequence[ToolResult],
    now: datetime,
) -> Situation:
    """Facts come from what is in hand; nothing is looked up here. `view` is the verified customer's only."""
    entities = understanding.entities if understanding else ()
    customer = view.customer if view else None
    order = order_in_question(conversation, entities, view, now)
    facts: dict[str, FactValue] = {
        "conversation.channel": conversation.channel.value,
        "conversation.customer_turns": len(customer_said(conversation)),
        "conversation.verified": conversation.customer_id is not None,
        "conversation.frustrated": is_frustrated(sentiments),
    }
    if conversation.turns:
        facts["conversation.last_speaker"] = conversation.turns[-1].speaker.value
    if understanding is not None and understanding.intent is not None:
        facts["conversation.intent"] = understanding.intent.name
    for name, kind in _ENTITY_FACTS.items():
        entity = last_of(entities, kind)
        if entity is not None:
            facts[name] = entity.value
    facts |= order_facts(customer, order, item_in_question(order, entities), now)
    if "entity.order_id" in facts and conversation.customer_id is not None and order is None:
        facts["order.found"] = False
    return Situation(facts=facts, sources=_sources(results, order), order=order, customer=customer)


def order_in_question(
    conversation: Conversation, entities: Sequence[Entity], view: OrderView | None, now: datetime
) -> Order | None:
    """The order named last if it is the verified customer's; with none named, the only recent one."""
    if view is None or view.customer is None or conversation.customer_id != view.customer.id:
        return None
    own = [o for o in view.orders if o.customer_id == conversation.customer_id]
    named = last_of(entities, EntityKind.ORDER_ID)
    if named is not None:
        return next((o for o in own if o.id.casefold() == named.value.casefold()), None)
    recent = [o for o in own if o.placed_at is None or now - o.placed_at <= _RECENT]
    candidates = recent or own
    return candidates[0] if len(candidates) == 1 else None


def item_in_question(order: Order | None, entities: Sequence[Entity]) -> LineItem | None:
    """The item of the order that was named last, else its only one."""
    if order is None:
        return None
    for entity in reversed(entities):
        if entity.kind is not EntityKind.PRODUCT:
            continue
        matching = [i for i in order.items if i.name.casefold() == entity.value.casefold()]
        if matching:
            return matching[0]
    return order.items[0] if len(order.items) == 1 else None


def _sources(results: Sequence[ToolResult], order: Order | None) -> dict[str, tuple[str, ...]]:
    calls: dict[str, tuple[str, ...]] = {}
    for result in results:
        if not result.ok:
            continue
        if "customer" in result.data:
            calls["customer"] = (result.call.id,)
        found = result.data.get("order")
        if order is not None and isinstance(found, dict) and found.get("id") == order.id:
            calls["order"] = calls["item"] = (result.call.id,)
    return calls
