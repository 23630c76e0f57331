"""One customer message and everything the panel shows for it, as the domain's own values."""

from datetime import UTC, datetime, timedelta
from typing import Any

from copilot.domain.actions import (
    Action,
    ActionStatus,
    ClauseReference,
    PolicyDecision,
    PolicyFinding,
    PolicyOutcome,
    ToolCall,
    ToolEffect,
    ToolResult,
)
from copilot.domain.assist import (
    Degraded,
    Drafter,
    KnowledgeCard,
    KnowledgeCards,
    NextAction,
    NextActionKind,
    NextActions,
    OrderView,
    Sentence,
    Suggestion,
    SuggestionDelta,
    Support,
    ToolResultShown,
)
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
from copilot.domain.knowledge import Audience, Citation
from copilot.domain.understanding import Intent, Sentiment, SentimentLabel, Understanding
from copilot.domain.wrap_up import Disposition, FollowUp, Statement, Summary, WrapUp

NOW = datetime.now(tz=UTC).replace(microsecond=0)
CUSTOMER_TEXT = (
    "My Northlight Lantern (order LF-1004820) came yesterday, a week late, and the switch is broken. "
    "This is the second time I write. I want my money back."
)
WINDOW = "Items may be returned within 30 days of delivery."
DEFECT = "Report damaged or defective items within 14 days of delivery; we send a free return label."


def citation(passage_id: str, title: str, quote: str, **changes: Any) -> Citation:
    values: dict[str, Any] = {
        "passage_id": passage_id,
        "document_id": f"doc_{passage_id}",
        "external_id": title.lower().replace(" ", "-"),
        "title": title,
        "version": "3",
        "heading_path": (title,),
        "clause": None,
        "page": None,
        "quote": quote,
        "start": 0,
        "end": len(quote),
        "audience": Audience.PUBLIC,
    }
    return Citation(**values | changes)


DEFECT_CITATION = citation(
    "p1",
    "Returns policy",
    DEFECT,
    clause="4.1",
    heading_path=("Returns policy", "Damaged or defective on arrival"),
    source="https://help.larkfield.example/returns-policy",
)
WINDOW_CITATION = citation(
    "p2", "Returns policy", WINDOW, clause="3.2", heading_path=("Returns policy", "Return window")
)
FAQ_CITATION = citation(
    "p3",
    "Returns FAQ",
    "You have 14 days to send your item back.",
    version="1",
    source="javascript:alert(document.domain)",
)
GOODWILL_CITATION = citation(
    "p4",
    "Goodwill matrix",
    "Silver, second contact about the same fault: $20 voucher.",
    audience=Audience.INTERNAL,
    version="2",
)


def understanding() -> Understanding:
    return Understanding(
        query="lantern arrived late and broken, wants refund",
        intent=Intent(name="refund_defective", title="Refund for a defective item", confidence=0.93),
        sentiment=Sentiment(label=SentimentLabel.NEGATIVE, score=-0.62),
    )


def knowledge() -> KnowledgeCards:
    return KnowledgeCards(
        answered=True,
        confidence=0.91,
        cards=(
            KnowledgeCard(
                citation=DEFECT_CITATION,
                text=f"4.1 Damaged or defective on arrival.\n{DEFECT} This holds for every category, "
                "bedding included, and no return fee is deducted.",
                confidence=0.91,
                updated_on="2026-03-01",
            ),
            KnowledgeCard(
                citation=WINDOW_CITATION,
                text=f"3.2 Return window.\n{WINDOW} Orders from before 2026-03-01 keep their window.",
                confidence=0.72,
                updated_on="2026-03-01",
                conflicts_with=("p3",),
            ),
            KnowledgeCard(
                citation=FAQ_CITATION,
                text="How long do I have?\nYou have 14 days to send your item back.",
                confidence=0.38,
                updated_on="2024-05-12",
                stale=True,
                conflicts_with=("p2",),
            ),
            KnowledgeCard(
                citation=GOODWILL_CITATION,
                text=GOODWILL_CITATION.quote,
                confidence=0.64,
                updated_on="2026-06-30",
            ),
        ),
    )


def customer() -> Customer:
    return Customer(
        id="cus_ana",
        first_name="Ana",
        last_name="Delgado",
        email="ana.delgado@mail.example",
        address=Address(address1="12 Elm St", city="Austin", state="TX", country="USA", zip="78701"),
        loyalty_tier="silver",
        payment_methods=(
            PaymentMethod(id="pm_1", source=PaymentSource.CREDIT_CARD, brand="visa", last_four="4417"),
        ),
        order_ids=("LF-1004820",),
    )


def order() -> Order:
    return Order(
        id="LF-1004820",
        customer_id="cus_ana",
        status=OrderStatus.DELIVERED,
        items=(
            LineItem(
                item_id="i1",
                product_id="northlight",
                name="Northlight Lantern",
                price=Money(minor=4900),
                options={"color": "moss"},
            ),
            LineItem(
                item_id="i2",
                product_id="canister",
                name="BrewHaven Thermal Carafe",
                price=Money(minor=3900),
                final_sale=True,
            ),
        ),
        address=customer().address,
        payments=(
            PaymentRecord(transaction_type="payment", amount=Money(minor=8800), payment_method_id="pm_1"),
        ),
        placed_at=NOW - timedelta(days=16),
        shipped_at=NOW - timedelta(days=13),
        delivered_at=NOW - timedelta(days=1),
        expected_at=NOW - timedelta(days=8),
        carrier="Plains Parcel",
        tracking_ids=("PP48820117",),
    )


def order_view() -> OrderView:
    return OrderView(customer=customer(), orders=(order(),))


def order_shown() -> ToolResultShown:
    call = ToolCall(id="call_1", tool="get_order_details", arguments={"order_id": "LF-1004820"})
    return ToolResultShown(result=ToolResult(call=call, ok=True, created_at=NOW), order_view=order_view())


def finding(outcome: PolicyOutcome, because: str, clause: str) -> PolicyFinding:
    reference = ClauseReference(document="refunds-policy", version="2", clause=clause, title="Refunds policy")
    return PolicyFinding(rule=f"refund-{clause}", outcome=outcome, because=because, clause=reference)


ALLOWED = PolicyDecision(
    outcome=PolicyOutcome.ALLOW,
    findings=(
        finding(PolicyOutcome.ALLOW, "Defect reported 1 day after delivery, within 14", "2.1"),
        finding(PolicyOutcome.ALLOW, "$49.00 of $88.00 paid and not yet refunded", "3.1"),
    ),
    as_of=NOW,
)
DENIED = PolicyDecision(
    outcome=PolicyOutcome.DENY,
    findings=(finding(PolicyOutcome.DENY, "The carafe is final sale", "3.4"),),
    as_of=NOW,
)


def refund(conversation_id: str, revision: int, **changes: Any) -> Action:
    call = ToolCall(
        id="call_2",
        tool="refund_order",
        arguments={
            "order_id": "LF-1004820",
            "amount": {"minor": 4900, "currency": "USD"},
            "reason": "Defective on arrival",
        },
    )
    values: dict[str, Any] = {
        "id": f"act_{conversation_id}_{revision}",
        "tenant_id": "larkfield",
        "conversation_id": conversation_id,
        "revision": revision,
        "customer_id": "cus_ana",
        "call": call,
        "effect": ToolEffect.MONEY,
        "preview": "Refund the Northlight Lantern to Visa …4417",
        "amount": Money(minor=4900),
        "decision": ALLOWED,
        "proposed_at": NOW,
        "expires_at": datetime.now(tz=UTC) + timedelta(minutes=10),
    }
    action = Action(**values | changes)
    return action.model_copy(update={"digest": action.compute_digest()})


def receipt(action: Action) -> Action:
    result = ToolResult(
        call=action.call,
        ok=True,
        data={"refund_id": "rf_20418", "amount": "$49.00", "to": "Visa …4417"},
        created_at=NOW,
    )
    return action.model_copy(update={"status": ActionStatus.SUCCEEDED, "result": result})


def next_actions(action: Action) -> NextActions:
    return NextActions(
        actions=(
            NextAction(
                id="na_1",
                kind=NextActionKind.TOOL,
                title="Refund the lantern",
                why="The item was defective on arrival and the customer asks for money.",
                playbook="refund_defective",
                step="refund",
                call=action.call,
                action_id=action.id,
                preview=action.preview,
                decision=action.decision,
            ),
            NextAction(
                id="na_2",
                kind=NextActionKind.ASK,
                title="Ask for the serial number",
                why="Batch faults are collected by serial number.",
                playbook="refund_defective",
                step="serial",
                say="Could you send me the serial number? It is on the lantern's base.",
                missing=("serial_number",),
            ),
            NextAction(
                id="na_3",
                kind=NextActionKind.TOOL,
                title="Return the carafe as well",
                why="The customer may ask for the whole order back.",
                playbook="refund_defective",
                step="return-rest",
                preview="Return BrewHaven Thermal Carafe",
                decision=DENIED,
            ),
        )
    )


SENTENCES = (
    Sentence(
        text="Hello Ana, I am sorry that your lantern came late and broken.",
        support=Support.TEMPLATE,
        sources=("refund_defective",),
    ),
    Sentence(text="Order LF-1004820 was delivered yesterday.", support=Support.FACT, sources=("call_1",)),
    Sentence(
        text="A defect may be reported within 14 days of delivery, and we send you a free return label.",
        support=Support.SUPPORTED,
        citations=(DEFECT_CITATION,),
    ),
    Sentence(text="You will also get a free replacement tomorrow.", support=Support.UNSUPPORTED),
    Sentence(
        text="I can refund $49.00 to your Visa ending in 4417 right away.",
        support=Support.FACT,
        sources=("call_1",),
    ),
)


def suggestion(conversation_id: str, revision: int, **changes: Any) -> Suggestion:
    values: dict[str, Any] = {
        "id": f"sug_{conversation_id}_{revision}",
        "conversation_id": conversation_id,
        "revision": revision,
        "drafter": Drafter.COMPOSER,
        "text": SENTENCES[0].text + "\n\n" + " ".join(s.text for s in SENTENCES[1:]),
        "sentences": SENTENCES,
        "confidence": 0.86,
        "created_at": NOW,
    }
    return Suggestion(**values | changes)


def deltas(draft: Suggestion) -> list[SuggestionDelta]:
    words = draft.text.split(" ")
    pieces = [" ".join(words[i : i + 6]) + " " for i in range(0, len(words), 6)]
    return [SuggestionDelta(suggestion_id=draft.id, drafter=draft.drafter, text=piece) for piece in pieces]


def summary(conversation_id: str, revision: int, turn_id: str) -> Summary:
    return Summary(
        conversation_id=conversation_id,
        revision=revision,
        issue=Statement(
            text="Northlight Lantern arrived a week late with a broken switch.", turn_ids=(turn_id,)
        ),
        tried=(Statement(text="Wrote to support once before.", turn_ids=(turn_id,)),),
        facts=(Statement(text="Order LF-1004820, delivered yesterday.", turn_ids=(turn_id,)),),
        open_questions=(Statement(text="Wants the money back.", turn_ids=(turn_id,)),),
        next_step="Refund $49.00 to Visa …4417",
    )


def wrap_up(summary: Summary) -> WrapUp:
    return WrapUp(
        conversation_id=summary.conversation_id,
        disposition=Disposition(code="refund_defective", title="Refund, defective item", confidence=0.9),
        tags=("lantern", "late delivery"),
        summary=summary,
        case_note="Lantern of LF-1004820 arrived late and broken. Refunded $49.00 to Visa …4417.",
        follow_ups=(FollowUp(text="Check that the return label arrived.", sources=("act_1",)),),
        created_at=NOW,
    )


def degraded() -> Degraded:
    return Degraded(
        component="llm", message="The language model does not answer. The composer's draft stands."
    )


def insertable() -> str:
    """The draft as it may be sent: without the sentence that nothing supports."""
    return suggestion("c", 1).text.replace(f"{SENTENCES[3].text} ", "")
