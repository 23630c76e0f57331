"""A small shop and its live path over fakes: what the scenarios play in."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from copilot.adapters.fakes.action_store import FakeActionStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.feedback_statistics import MemoryFeedbackStatistics
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.fakes.order_system import FakeOrderSystem, OneOrderSystem
from copilot.adapters.fakes.verification_attempts import MemoryVerificationAttempts
from copilot.adapters.memory_event_bus import MemoryEventBus
from copilot.assist.classifier import Classifier
from copilot.assist.desk import CatalogDesk
from copilot.assist.entities import EntityVocabulary
from copilot.assist.live_parts import LivePorts
from copilot.assist.profile import BrandVoice, TenantProfile
from copilot.assist.service import LiveAssist
from copilot.assist.words import overlap
from copilot.domain.access import Principal, Role
from copilot.domain.commerce import (
    Address,
    Customer,
    LineItem,
    Money,
    Order,
    OrderStatus,
    PaymentMethod,
    PaymentRecord,
    PaymentSource,
)
from copilot.domain.conversation import Channel, Conversation, Speaker, Turn
from copilot.domain.knowledge import (
    Audience,
    BlockKind,
    KnowledgeDocument,
    KnowledgeGap,
    Passage,
    ScoredPassage,
    SearchQuery,
    SearchResult,
)
from copilot.domain.playbook import Playbook
from copilot.domain.policy import PolicySet
from copilot.ports import ClassifierWeights
from copilot.prompts import render_text
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.identity import IdentityGuard
from copilot.tools.limits import Limits
from copilot.tools.policy import PolicyEngine
from copilot.tools.seals import Seals

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
SEALS = Seals(b"the desk's secret of 32 bytes ok!")
RITA = Principal(id="rita", tenant_id="larkfield", name="Rita", role=Role.REPRESENTATIVE)
ELENA_ORDER, OLD_ORDER, OMARS_ORDER = "LF-1004829", "LF-1004845", "LF-1004837"


def address(zip_code: str) -> Address:
    return Address(address1="12 Elm Street", city="Chicago", state="IL", country="USA", zip=zip_code)


def customer(customer_id: str, first: str, last: str, zip_code: str, *orders: str) -> Customer:
    return Customer(
        id=customer_id,
        first_name=first,
        last_name=last,
        email=f"{first.lower()}@example.com",
        address=address(zip_code),
        loyalty_tier="gold",
        payment_methods=(
            PaymentMethod(id="card_1", source=PaymentSource.CREDIT_CARD, brand="visa", last_four="8421"),
        ),
        order_ids=orders,
    )


def order(order_id: str, owner: str, *, placed: int, delivered: int, cents: int = 4_900) -> Order:
    return Order(
        id=order_id,
        customer_id=owner,
        status=OrderStatus.DELIVERED,
        items=(
            LineItem(
                item_id="i1",
                product_id="p1",
                name="Northlight Lantern",
                price=Money(minor=cents),
                category="camping",
            ),
        ),
        address=address("60614"),
        payments=(
            PaymentRecord(transaction_type="payment", amount=Money(minor=cents), payment_method_id="card_1"),
        ),
        placed_at=NOW - timedelta(days=placed),
        delivered_at=NOW - timedelta(days=delivered),
    )


def shop() -> FakeOrderSystem:
    return FakeOrderSystem(
        FixedClock(NOW),
        customers=[
            customer("c_elena", "Elena", "Ruiz", "60614", ELENA_ORDER, OLD_ORDER),
            customer("c_omar", "Omar", "Haddad", "73301", OMARS_ORDER),
        ],
        orders=[
            order(ELENA_ORDER, "c_elena", placed=12, delivered=8),
            order(OLD_ORDER, "c_elena", placed=300, delivered=290),
            order(OMARS_ORDER, "c_omar", placed=5, delivered=2, cents=99_900),
        ],
    )


POLICY = PolicySet.model_validate(
    {
        "policy": "refunds",
        "title": "Refunds",
        "rules": [
            {
                "id": "goodwill",
                "tools": ["refund_order"],
                "outcome": "allow",
                "when": {"fact": "call.amount_minor", "at_most": 5000},
                "because": "{{ order.total }} is within the goodwill limit",
                "clause": {"document": "refunds-policy", "version": "2", "clause": "3.2"},
            },
            {
                "id": "too-old",
                "tools": ["refund_order"],
                "outcome": "deny",
                "when": {"fact": "order.days_since_delivery", "more_than": 30},
                "because": "{{ order.days_since_delivery }} days > 30",
                "clause": {"document": "returns-policy", "version": "3", "clause": "3.2"},
            },
        ],
    }
)

REFUND = Playbook.model_validate(
    {
        "intent": "refund_request",
        "title": "Refund",
        "description": "Refund a damaged order.",
        "disposition": "refund",
        "needs_order": True,
        "examples": [
            f"{start} refund for my {thing}"
            for start in ("I want a", "please give me a money", "can I get a")
            for thing in ("broken lantern", "damaged order", "order")
        ],
        "steps": [
            {
                "id": "verify",
                "kind": "verify",
                "title": "Verify the customer",
                "why": "Order details are for the customer only.",
                "when": {"fact": "conversation.verified", "is": False},
                "say": "Could you give me your e-mail address and order number?",
            },
            {
                "id": "look-up",
                "kind": "look_up",
                "title": "Look up the order",
                "why": "The refund depends on it.",
                "tool": "get_order_details",
                "arguments": {"order_id": "entity.order_id"},
            },
            {
                "id": "refund",
                "kind": "tool",
                "title": "Refund {{ order.refundable }}",
                "why": "It arrived damaged.",
                "when": {"fact": "order.found", "is": True},
                "tool": "refund_order",
                "arguments": {
                    "order_id": "order.id",
                    "amount": "order.refundable",
                    "reason": "=damaged_or_defective",
                },
            },
            {
                "id": "close",
                "kind": "close",
                "title": "Close the conversation",
                "why": "Nothing else is open.",
            },
        ],
        "replies": [
            {
                "when": {"fact": "conversation.verified", "is": False},
                "text": "I am sorry about that.\nCould you give me your e-mail address and order number?",
            },
            {
                "when": {"fact": "policy.outcome", "is": "deny"},
                "text": "I am sorry, order {{ order.id }} cannot be refunded ({{ policy.reason }}).",
            },
            {
                "when": {"fact": "order.found", "is": False},
                "text": "I cannot find that order for you.\nCould you check the number?",
            },
            {
                "when": {"fact": "order.found", "is": True},
                "text": "I am sorry about that, {{ customer.first_name }}.\n"
                "{% if order.delivered_on is defined %}\n"
                "Your order {{ order.id }} was delivered on {{ order.delivered_on }}.\n"
                "{% endif %}\n"
                "It was sent with {{ order.carrier }}.\n"
                "{{ knowledge }}",
            },
        ],
    }
)
SHIPPING = Playbook.model_validate(
    {
        "intent": "shipping_question",
        "title": "Shipping",
        "description": "What shipping costs and how long it takes.",
        "disposition": "information",
        "examples": [
            f"{start} {thing}"
            for start in ("how long does", "what does", "tell me about")
            for thing in ("standard shipping take", "express shipping cost", "free shipping")
        ],
        "replies": [{"text": "Thanks for asking.\n{{ knowledge }}\nIs there anything else?"}],
    }
)

LONG_AGO, CHANGED = date(2024, 6, 1), date(2026, 3, 1)


def document(external_id: str, text: str, **fields: object) -> KnowledgeDocument:
    version = str(fields.pop("version", "1"))
    return KnowledgeDocument.model_validate(
        {
            "id": f"doc_{external_id}_{version}",
            "tenant_id": "larkfield",
            "external_id": external_id,
            "title": external_id.replace("-", " ").capitalize(),
            "text": text,
            "version": version,
            "blocks": (),
            "content_hash": external_id,
            **fields,
        }
    )


def passage(
    doc: KnowledgeDocument,
    *,
    clause: str | None = None,
    confidence: float = 0.8,
    conflicts: tuple[str, ...] = (),
) -> ScoredPassage:
    return ScoredPassage(
        passage=Passage(
            id=f"pas_{doc.id}",
            document_id=doc.id,
            position=0,
            text=doc.text,
            context=doc.title,
            kind=BlockKind.PARAGRAPH,
            heading_path=(),
            clause=clause,
            page=None,
            start=0,
            end=len(doc.text),
            token_count=len(doc.text.split()),
            content_hash=doc.id,
        ),
        document=doc,
        score=confidence,
        confidence=confidence,
        conflicts_with=conflicts,
    )


LIBRARY = (
    document(
        "shipping-policy",
        "Standard shipping takes 3 to 5 business days and costs $6.95. Express shipping costs $14.95.",
    ),
    document(
        "goodwill-matrix",
        "Express shipping complaints get a $30 voucher for gold members. Never mention express vouchers.",
        audience=Audience.INTERNAL,
    ),
    document(
        "returns-policy",
        "A damaged order can be returned for a refund within 30 days of delivery.",
        version="3",
        valid_from=CHANGED,
    ),
    document(
        "returns-policy",
        "A damaged order can be returned for a refund within 14 days of delivery.",
        version="2",
        valid_from=LONG_AGO,
        valid_to=date(2026, 2, 28),
    ),
)


class LibrarySearch:
    """Finds what shares words with the query; remembers what it was asked."""

    def __init__(self, library: Sequence[KnowledgeDocument] = LIBRARY) -> None:
        self.library = library
        self.asked: list[SearchQuery] = []
        self.fails: Exception | None = None
        self.blocked: asyncio.Event | None = None

    async def search(self, query: SearchQuery) -> SearchResult:
        self.asked.append(query)
        if self.fails is not None:
            raise self.fails
        if self.blocked is not None:
            await self.blocked.wait()
        found = [
            passage(d, confidence=min(1.0, overlap(query.text, d.text) + 0.2))
            for d in self.library
            if overlap(query.text, d.text) >= 0.3 and (query.as_of is None or d.in_force(query.as_of))
        ]
        found.sort(key=lambda s: -s.confidence)
        best = found[0].confidence if found else 0.1
        return SearchResult(passages=tuple(found), answerable=bool(found), confidence=best)


class GapList:
    """The part of a KnowledgeStore that the live path writes to."""

    def __init__(self) -> None:
        self.gaps: list[KnowledgeGap] = []

    async def record_gap(self, gap: KnowledgeGap) -> None:
        self.gaps.append(gap)


class OneProfile:
    def __init__(self, profile: TenantProfile) -> None:
        self._profile = profile
        self.learned = None  # a StepRanker, from the next turn on

    async def of(self, tenant_id: str) -> TenantProfile:
        return replace(self._profile, next_steps=self.learned)


async def centroid_classifier(embedder: HashingEmbedder, examples: dict[str, Sequence[str]]) -> Classifier:
    """Nearest mean: enough of a classifier for a world with four words."""
    rows = []
    for texts in examples.values():
        mean = (await embedder.embed_passages(list(texts))).mean(axis=0)
        rows.append(mean / np.linalg.norm(mean))
    centroids = np.asarray(rows, dtype=np.float32)
    return Classifier(
        ClassifierWeights(
            labels=tuple(examples),
            weights=12 * centroids,
            bias=np.zeros(len(rows), dtype=np.float32),
            centroids=centroids,
            temperature=1.0,
            scope_weights=(0.0, 1.0, 0.0, 0.0, 0.0, -0.3),
            accuracy=1.0,
            calibration_error=0.0,
            scope_auroc=None,
        )
    )


@dataclass
class World:
    live: LiveAssist
    store: MemoryConversationStore
    bus: MemoryEventBus
    search: LibrarySearch
    orders: FakeOrderSystem
    ledger: FakeLedgerStore
    knowledge: GapList
    conversation: Conversation
    seen: list = field(default_factory=list)
    profiles: OneProfile | None = None

    async def customer(self, text: str) -> Turn:
        turn = await self.live.add_turn(RITA, self.conversation.id, Speaker.CUSTOMER, text)
        await self.live.idle()
        return turn

    async def representative(self, text: str) -> Turn:
        turn = await self.live.add_turn(RITA, self.conversation.id, Speaker.REPRESENTATIVE, text)
        await self.live.idle()
        return turn

    async def events(self, after: int = 0) -> list:
        """Every event so far, oldest first."""
        found = []
        async with aclosing(self.bus.subscribe("larkfield", self.conversation.id, after)) as stream:
            while True:
                try:
                    found.append(await asyncio.wait_for(anext(stream), timeout=0.02))
                except (TimeoutError, StopAsyncIteration):
                    return found

    async def snapshot(self):
        return (await self.bus.subscribe("larkfield", self.conversation.id, None).__anext__()).data

    async def types(self) -> list[str]:
        return [e.type for e in await self.events()]


async def world(
    *,
    llm=None,
    search: LibrarySearch | None = None,
    llm_seconds: float = 5.0,
    asker=None,
    ask_limits=None,
    feedback=None,
    playbooks=(REFUND, SHIPPING),
    clock=None,
    ahead=None,
    store=None,
    macros=(),
    languages=None,
    rewording=None,
    most_waiting=32,
) -> World:
    clock, ids, embedder = clock or FixedClock(NOW), SequentialIds(), HashingEmbedder()
    kept, ledger, orders = store or MemoryConversationStore(), FakeLedgerStore(), shop()
    search, knowledge = search or LibrarySearch(), GapList()
    feedback = feedback or MemoryFeedbackStatistics()
    bus = MemoryEventBus(kept, clock)
    actions = FakeActionStore(ledger)
    policy = PolicyEngine([POLICY], {}, render_text, require_signatures=False)
    limits = Limits(call_seconds=1)
    assessor = Assessor(Catalog(), OneOrderSystem(orders), policy, actions, clock)
    attempts = MemoryVerificationAttempts()
    guard = IdentityGuard(attempts, clock, ids)
    desk = CatalogDesk(
        Catalog(),
        Approvals(assessor, actions, ledger, clock, ids, limits, SEALS),
        Executor(assessor, OneOrderSystem(orders), actions, clock, ids, limits, SEALS, identity=guard),
        actions,
    )
    profile = TenantProfile(
        tenant_id="larkfield",
        playbooks={p.intent: p for p in playbooks},
        intents=await centroid_classifier(embedder, {p.intent: p.examples for p in playbooks}),
        sentiment=await centroid_classifier(
            embedder,
            {
                "negative": ["this is terrible and unacceptable", "nobody helps me"],
                "neutral": ["where is my order", "how long does shipping take"],
                "positive": ["thank you so much", "great, thanks"],
            },
        ),
        vocabulary=EntityVocabulary(products=("Northlight Lantern",)),
        voice=BrandVoice(company="Larkfield"),
        macros={m.id: m for m in macros},
    )
    ports = LivePorts(
        store=kept,
        bus=bus,
        knowledge=knowledge,
        search=search,
        desk=desk,
        orders=OneOrderSystem(orders),
        attempts=attempts,
        ledger=ledger,
        feedback=feedback,
        embedder=embedder,
        clock=clock,
        ids=ids,
        languages=languages,
    )
    profiles = OneProfile(profile)
    live = LiveAssist(
        ports,
        profiles,
        llm=llm,
        llm_seconds=llm_seconds,
        asker=asker,
        ask_limits=ask_limits,
        rewording=rewording,
        ahead=ahead,
        most_waiting=most_waiting,
    )
    # After a restart, with the store of the process before, the conversation is there already.
    conversation = await live.open(RITA, Channel.CHAT, "Lantern") if store is None else None
    return World(live, kept, bus, search, orders, ledger, knowledge, conversation, profiles=profiles)
