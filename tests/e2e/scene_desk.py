"""What a representative finds, asks and rewords in the scene of the broken lantern."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.e2e import scene

from copilot.domain.assist import (
    Answer,
    AskStep,
    AskStepKind,
    Drafter,
    Sentence,
    SilenceReason,
    Suggestion,
    SuggestionSilent,
    Support,
)
from copilot.domain.conversation import PartialTurn, Speaker
from copilot.domain.signals import Alert, Promise, Signal, SignalKind, Trend
from copilot.domain.transforms import Transform, Transformed
from copilot.domain.value import Value
from copilot.domain.wrap_up import HandOver, Statement, Summary

ASK_ID = "ask_1"
FILLED = "Your Northlight Lantern of order LF-1004820 is covered for 24 months."
MACROS = {"warranty": "Warranty terms", "voucher": "Offer a voucher", "greeting": "Good morning"}


def transformed(how: Transform, draft: Suggestion, text: str | None) -> Transformed:
    """Shorter loses the courtesy; every other sentence stays as it is, what it rests on too."""
    if text is not None:
        said = Sentence(text=f"{text.strip()} ({how.value})", support=Support.TEMPLATE, sources=("own",))
        return Transformed(how=how, text=said.text, sentences=(said,), drafter=Drafter.COMPOSER, changed=True)
    kept = draft.sentences[1:] if how is Transform.SHORTER else draft.sentences
    return Transformed(
        how=how,
        text=" ".join(s.text for s in kept),
        sentences=kept,
        drafter=Drafter.COMPOSER,
        changed=how is not Transform.FRIENDLIER,
        left_out=(draft.sentences[0].text,) if how is Transform.SHORTER else (),
    )


def asked(conversation_id: str, revision: int, question: str) -> list[tuple[str, Value]]:
    steps = (
        (AskStepKind.READ, "get_order_details", "Order LF-1004820, delivered yesterday"),
        (AskStepKind.POLICY, "refund_order", "Within 14 days of delivery"),
    )
    sentence = Sentence(
        text="Yes: defects may be reported within 14 days.", support=Support.SUPPORTED,
        citations=(scene.DEFECT_CITATION,),
    )  # fmt: skip
    answer = Answer(
        ask_id=ASK_ID,
        conversation_id=conversation_id,
        revision=revision,
        question=question,
        answered=True,
        drafter=Drafter.COMPOSER,
        sentences=(sentence,),
        decision=scene.ALLOWED,
        created_at=scene.NOW,
    )
    shown = [
        AskStep(ask_id=ASK_ID, number=n, kind=kind, tool=tool, ok=True, detail=detail)
        for n, (kind, tool, detail) in enumerate(steps, 1)
    ]
    return [*(("ask.step", step) for step in shown), ("ask.answered", answer)]


def found(query: str) -> dict[str, Any]:
    if "moon" in query:
        return {"passages": [], "answerable": False, "confidence": 0.05}
    passages = []
    for n, citation in enumerate((scene.DEFECT_CITATION, scene.GOODWILL_CITATION), 1):
        quote = json.loads(citation.model_dump_json())
        passages.append(
            {
                "passage": {
                    **{key: quote[key] for key in ("heading_path", "clause", "page", "start", "end")},
                    "id": citation.passage_id, "document_id": citation.document_id, "position": n,
                    "text": f"{citation.quote} More of it.", "context": citation.title, "kind": "paragraph",
                    "token_count": 20, "content_hash": "0" * 64,
                },
                "document": {
                    "id": citation.document_id, "tenant_id": "larkfield", "external_id": citation.external_id,
                    "title": citation.title, "text": "", "blocks": [], "version": citation.version,
                    "audience": citation.audience.value, "valid_from": "2026-03-01", "content_hash": "0" * 64,
                },
                "score": 1.0, "confidence": 0.9 / n, "conflicts_with": [], "quote": quote, "stale": n > 1,
            }
        )  # fmt: skip
    return {"passages": passages, "answerable": True, "confidence": 0.9}


def macros(query: str) -> list[dict[str, Any]]:
    return [
        {"macro": {"id": name, "title": title, "text": "…", "examples": []}, "score": 0.9}
        for name, title in MACROS.items()
        if query.lower() in title.lower()
    ]


def filled(macro_id: str) -> dict[str, Any]:
    return {"macro_id": macro_id, "title": MACROS[macro_id], "text": FILLED, "sources": ["call_1"]}


def hand_over(summary: Summary, to: str, reason: str) -> HandOver:
    return HandOver(
        conversation_id=summary.conversation_id,
        revision=summary.revision,
        to=to,
        reason=reason,
        summary=summary,
        waiting=(Statement(text="Refund of $49.00 waits for approval.", sources=("act_1",)),),
        note=f"For {to}: the lantern of LF-1004820 arrived late and broken. {reason}",
        created_at=scene.NOW,
    )


def silent() -> SuggestionSilent:
    return SuggestionSilent(
        drafter=Drafter.COMPOSER,
        reason=SilenceReason.SELDOM_USED,
        why="3 of the last 40 like it were used",
        confidence=0.4,
    )


def worried(turn_id: str) -> dict[str, Any]:
    """The understanding of a customer who is about to leave."""

    def signal(kind: SignalKind, level: float, why: str) -> Signal:
        return Signal(kind=kind, level=level, why=why, turn_ids=(turn_id,))

    understanding = scene.understanding().model_copy(
        update={
            "trend": Trend.FALLING,
            "language": "de",
            "signals": (
                signal(SignalKind.CHURN_RISK, 0.8, "Says they will shop elsewhere."),
                signal(SignalKind.URGENCY, 0.4, "Needs it before Friday."),
            ),
            "promises": (
                Promise(
                    said_by=Speaker.CUSTOMER,
                    text="A call back on Tuesday",
                    due_on="2026-11-17",
                    overdue=True,
                    turn_id=turn_id,
                ),
            ),
        }
    )
    return json.loads(understanding.model_dump_json())


def alert(conversation_id: str, turn_id: str) -> Alert:
    return Alert(
        id="alert_1",
        tenant_id="larkfield",
        conversation_id=conversation_id,
        revision=1,
        reason=SignalKind.LEGAL_THREAT,
        message="The customer mentions a lawyer.",
        turn_ids=(turn_id,),
        created_at=datetime.now(tz=UTC),
    )


def heard(conversation_id: str, text: str) -> PartialTurn:
    return PartialTurn(
        turn_id="turn_heard",
        conversation_id=conversation_id,
        utterance_id="utt_1",
        speaker=Speaker.CUSTOMER,
        text=text,
        created_at=datetime.now(tz=UTC),
    )


def better(draft: Suggestion) -> Suggestion:
    """The language model's draft in the place of the composer's."""
    return draft.model_copy(
        update={
            "id": f"{draft.id}_llm",
            "drafter": Drafter.LLM,
            "replaces": draft.id,
            "text": "I am sorry, Ana. You get $49.00 back.",
            "sentences": (
                Sentence(text="I am sorry, Ana.", support=Support.TEMPLATE, sources=("voice",)),
                Sentence(text="You get $49.00 back.", support=Support.FACT, sources=("call_1",)),
            ),
            "why": "shown because 41 of the last 50 were used",
        }
    )
