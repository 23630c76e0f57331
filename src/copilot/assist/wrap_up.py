"""The rolling summary, carried on turn by turn, and what closes a conversation. Works without an LLM."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from copilot.assist.dates import find_dates
from copilot.assist.focus import question_in, without_data
from copilot.assist.reading import is_question
from copilot.assist.redaction import mask
from copilot.assist.situation import Situation
from copilot.assist.words import plain
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.assist import EntityKind, Intent, NextAction, SentimentLabel, Understanding
from copilot.domain.conversation import Conversation, Speaker, Turn
from copilot.domain.playbook import Playbook
from copilot.domain.wrap_up import Disposition, Statement, Summary, WrapUp
from copilot.prompts import render
from copilot.retrieval.sentences import split_sentences

_MAX_STATEMENTS = 8
_MAX_CHARACTERS = 220
_PROMISE = re.compile(
    r"\b(?:i|we)(?:'ll| will| am going to| are going to|'m going to| shall)\s+(?!be happy|be glad|need)|"
    r"\byou(?:'ll| will) (?:receive|get|hear|have)\b",
    re.IGNORECASE,
)
_TRIED = re.compile(
    r"\b(?:i|we)(?:'ve| have)?\s+(?:already |also |just )?"
    r"(?:tried|reset|restarted|replaced|cleaned|checked|called|"
    r"contacted|charged|unplugged|reinstalled|descaled|swapped|wrote|asked|e-?mailed)\b",
    re.IGNORECASE,
)
_ANSWER_LENGTH = 5
_DONE = {ActionStatus.SUCCEEDED: "Done", ActionStatus.FAILED: "Failed", ActionStatus.REJECTED: "Rejected"}
_UNFILED = Disposition(code="other", title="Other", confidence=0.0)


@dataclass(frozen=True)
class State:
    """Where the conversation stands, for the lines of a summary that are not said in any turn."""

    understanding: Understanding | None
    playbook: Playbook | None
    situation: Situation | None
    next_actions: tuple[NextAction, ...] = ()
    actions: tuple[Action, ...] = ()


def update_summary(
    previous: Summary | None, new_turns: Sequence[Turn], conversation: Conversation, state: State
) -> Summary:
    """`previous` carried on by `new_turns`; earlier turns are not read again."""
    summary = previous or Summary(conversation_id=conversation.id, revision=0)
    for turn in new_turns:
        summary = _after_turn(summary, turn, state)
    return summary.model_copy(
        update={
            "revision": conversation.revision,
            "issue": _issue(summary, conversation, state),
            "facts": _facts(state, conversation),
            "tried": _merged(summary.tried, _outcomes(state.actions, conversation)),
            "next_step": state.next_actions[0].title if state.next_actions else None,
        }
    )


def _after_turn(summary: Summary, turn: Turn, state: State) -> Summary:
    sentences = [turn.text[a:b] for a, b in split_sentences(turn.text)]
    if turn.speaker is Speaker.REPRESENTATIVE:
        promises = [_statement(s, turn) for s in sentences if _PROMISE.search(s)]
        answered = len(turn.text.split()) > _ANSWER_LENGTH and not turn.text.rstrip().endswith("?")
        open_questions = () if answered else summary.open_questions
        return summary.model_copy(
            update={"promises": _merged(summary.promises, promises), "open_questions": open_questions}
        )
    tried = [_statement(s, turn) for s in sentences if _TRIED.search(s)]
    asks = state.understanding is None or state.understanding.asks_something
    questions = [_statement(s, turn) for s in sentences if s.endswith("?") or (asks and is_question(s))]
    return summary.model_copy(
        update={
            "tried": _merged(summary.tried, tried),
            "open_questions": _merged(summary.open_questions, questions[:2]),
        }
    )


def _issue(summary: Summary, conversation: Conversation, state: State) -> Statement | None:
    """The playbook's title with the customer's own words for it, of the turn that carries the main matter."""
    intent = state.understanding.intent if state.understanding else None
    turn = conversation.last_customer_turn
    if turn is None or (summary.issue is None and intent is None and not is_question(turn.text)):
        return summary.issue
    if intent is not None and state.understanding is not None and not state.understanding.asks_something:
        return summary.issue
    if summary.issue is not None and not _weighs_more(turn, intent, summary.issue, state):
        return summary.issue
    named = [e for e in state.understanding.entities if e.turn_id == turn.id] if state.understanding else []
    words = _short(mask(question_in(without_data(turn.text, named))) or mask(turn.text))
    text = f"{intent.title}: “{words}”" if intent is not None else f"“{words}”"
    return Statement(text=text, turn_ids=(turn.id,))


def _weighs_more(turn: Turn, intent: Intent | None, issue: Statement, state: State) -> bool:
    """Whether `turn` says more of what this is about than the turn that `issue` was taken from.

    The report of a damaged lantern weighs more than a question in advance; a side question weighs less than
    the order it comes after.
    """
    if intent is None or turn.id in issue.turn_ids:
        return False
    about_things = {
        e.turn_id
        for e in (state.understanding.entities if state.understanding else ())
        if e.kind in {EntityKind.ORDER_ID, EntityKind.PRODUCT}
    }
    if issue.text.startswith(intent.title):
        return turn.id in about_things and about_things.isdisjoint(issue.turn_ids)
    about_order = state.playbook is not None and state.playbook.needs_order
    return about_order or about_things.isdisjoint(issue.turn_ids)


def _facts(state: State, conversation: Conversation) -> tuple[Statement, ...]:
    """What is established: who it is, the order, and what policy says about it."""
    if state.situation is None:
        return ()
    facts = state.situation.facts
    last = conversation.last_customer_turn
    named = _turns_naming(state.understanding)
    statements = []
    if state.situation.customer is not None:
        customer = state.situation.customer
        tier = customer.loyalty_tier or "no"
        statements.append(
            Statement(
                text=f"Customer verified: {customer.first_name} {customer.last_name}, {tier} loyalty tier.",
                turn_ids=named,
            )
        )
    if facts.get("order.found"):
        parts = [f"Order {facts['order.id']}: {facts['order.status']}, {facts['order.total']}"]
        parts += [f"{label} {facts[name]}" for name, label in _ORDER_DATES if name in facts]
        statements.append(Statement(text=", ".join(parts) + ".", turn_ids=named))
    elif facts.get("order.found") is False:
        statements.append(
            Statement(
                text=f"The verified customer has no order {facts.get('entity.order_id')}.", turn_ids=named
            )
        )
    if "policy.reason" in facts:
        statements.append(
            Statement(
                text=f"Policy: {facts['policy.outcome']} ({facts['policy.reason']}).",
                turn_ids=(last.id,) if last else (),
            )
        )
    return tuple(statements)


_ORDER_DATES = (
    ("order.placed_on", "placed"),
    ("order.shipped_on", "shipped"),
    ("order.delivered_on", "delivered"),
)


def _turns_naming(understanding: Understanding | None) -> tuple[str, ...]:
    entities = understanding.entities if understanding else ()
    return tuple(dict.fromkeys(e.turn_id for e in entities))[-_MAX_STATEMENTS:]


def _outcomes(actions: Sequence[Action], conversation: Conversation) -> list[Statement]:
    last = conversation.turns[-1].id if conversation.turns else None
    return [
        Statement(text=f"{_DONE[a.status]}: {a.preview}", turn_ids=(last,) if last else ())
        for a in actions
        if a.status in _DONE
    ]


def build_wrap_up(
    conversation: Conversation,
    summary: Summary,
    state: State,
    *,
    matters: Sequence[Intent],
    playbooks: Mapping[str, Playbook],
    sentiment: SentimentLabel,
    knowledge_gap: str | None,
    now: datetime,
) -> WrapUp:
    """Disposition and tags from the playbook, follow-ups from promises and waiting actions, a case note."""
    follow_ups = _follow_ups(summary, state, now.date())
    disposition = _disposition(matters, playbooks)
    return WrapUp(
        conversation_id=conversation.id,
        disposition=disposition,
        tags=_tags(conversation, state, sentiment),
        summary=summary,
        case_note=render(
            "case_note",
            summary=summary,
            disposition=disposition.title,
            channel=conversation.channel.value,
            follow_ups=follow_ups,
            outcome=[s.text for s in _outcomes(state.actions, conversation)],
            knowledge_gap=knowledge_gap or "",
        ).strip(),
        follow_ups=follow_ups,
        knowledge_gap=knowledge_gap,
        created_at=now,
    )


def _disposition(matters: Sequence[Intent], playbooks: Mapping[str, Playbook]) -> Disposition:
    """Of the matter that most turns were about; of several, the one that came first."""
    names = [m.name for m in matters if m.name in playbooks]
    about_orders = [n for n in names if playbooks[n].needs_order] or names
    if not about_orders:
        return _UNFILED
    name = max(dict.fromkeys(about_orders), key=about_orders.count)
    playbook = playbooks[name]
    confidence = max(m.confidence for m in matters if m.name == name)
    return Disposition(code=playbook.disposition, title=playbook.title, confidence=confidence)


def _tags(conversation: Conversation, state: State, sentiment: SentimentLabel) -> tuple[str, ...]:
    tags = [conversation.channel.value]
    if state.playbook is not None:
        tags.append(state.playbook.intent)
    facts = state.situation.facts if state.situation else {}
    if "entity.product" in facts:
        tags.append(str(facts["entity.product"]).lower().replace(" ", "-"))
    tags += sorted({a.call.tool for a in state.actions if a.status is ActionStatus.SUCCEEDED})
    if sentiment is SentimentLabel.NEGATIVE:
        tags.append("unhappy")
    return tuple(dict.fromkeys(tags))


def _follow_ups(summary: Summary, state: State, today: date) -> tuple[str, ...]:
    tasks = []
    for promise in summary.promises:
        days = [d.day for d in find_dates(promise.text, today) if d.day >= today]
        due = f" (by {min(days).isoformat()})" if days else ""
        tasks.append(f"Keep the promise{due}: {promise.text}")
    waiting = {ActionStatus.AWAITING_SECOND_APPROVAL, ActionStatus.APPROVED, ActionStatus.EXECUTING}
    tasks += [f"Still under way: {a.preview}" for a in state.actions if a.status in waiting]
    tasks += [f"Check the outcome: {a.preview}" for a in state.actions if a.status is ActionStatus.UNRESOLVED]
    return tuple(tasks)


def _merged(old: Sequence[Statement], new: Sequence[Statement]) -> tuple[Statement, ...]:
    known = {plain(s.text) for s in old}
    return tuple([*old, *(s for s in new if plain(s.text) not in known)][-_MAX_STATEMENTS:])


def _statement(text: str, turn: Turn) -> Statement:
    return Statement(text=_short(mask(text)), turn_ids=(turn.id,))


def _short(text: str) -> str:
    clean = re.sub(r"\s+", " ", text).strip()
    return clean if len(clean) <= _MAX_CHARACTERS else clean[: _MAX_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
