"""What closes a conversation, and what a colleague reads who takes it over. Works without an LLM."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from copilot.assist.case_templates import CASE_NOTE, HAND_OVER, CaseTemplates
from copilot.assist.dates import find_dates
from copilot.assist.redaction import mask
from copilot.assist.summary import State, outcomes, shortened
from copilot.assist.words import content_words
from copilot.domain.actions import ActionStatus
from copilot.domain.conversation import Conversation, Speaker
from copilot.domain.playbook import Playbook
from copilot.domain.understanding import Intent, SentimentLabel
from copilot.domain.wrap_up import (
    Disposition,
    FollowUp,
    HandOver,
    KnowledgeGapNote,
    Statement,
    Summary,
    WrapUp,
)

_UNFILED = Disposition(code="other", title="Other", confidence=0.0)
_WAITING = {
    ActionStatus.PROPOSED: "Waits for approval",
    ActionStatus.AWAITING_SECOND_APPROVAL: "Waits for a second approval",
    ActionStatus.APPROVED: "Still under way",
    ActionStatus.EXECUTING: "Still under way",
    ActionStatus.UNRESOLVED: "Check the outcome",
}
_WITHIN = re.compile(
    r"\b(?:within|in)\s+(?:the next\s+)?(?P<count>\d{1,2}|an?|one|two|three|four|five|six|seven|ten)\s+"
    r"(?P<unit>hour|day|business day|working day|week)s?\b",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(
    r"\b(?:on|by|until|before)\s+(?P<day>mon|tues|wednes|thurs|fri|satur|sun)day\b", re.IGNORECASE
)
_DAYS = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
_COUNTS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "ten": 10,
}
_WEEKEND = 5
_FULFILLED_SHARE = 0.6


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
    templates: CaseTemplates | None = None,
) -> WrapUp:
    """Disposition and tags from the playbook, follow-ups from promises and waiting actions, a case note."""
    tasks = follow_ups(summary, state, now.date())
    disposition = disposition_of(matters, playbooks)
    gap = _gap(knowledge_gap, conversation)
    note: dict[str, object] = {
        "summary": summary,
        "disposition": disposition.title,
        "channel": conversation.channel.value,
        "follow_ups": tasks,
        "outcome": [s.text for s in outcomes(state.actions)],
        "knowledge_gap": gap.question if gap else "",
    }
    return WrapUp(
        conversation_id=conversation.id,
        disposition=disposition,
        tags=_tags(conversation, state, sentiment),
        summary=summary,
        case_note=(templates or CaseTemplates()).fill(CASE_NOTE, note),
        follow_ups=tasks,
        knowledge_gap=gap,
        created_at=now,
    )


def build_hand_over(
    conversation: Conversation,
    summary: Summary,
    state: State,
    *,
    to: str,
    reason: str,
    now: datetime,
    templates: CaseTemplates | None = None,
) -> HandOver:
    """The summary as it stands, for `to`; the conversation goes on."""
    waiting = _waiting(state)
    note: dict[str, object] = {
        "to": to,
        "reason": reason,
        "summary": summary,
        "channel": conversation.channel.value,
        "waiting": waiting,
        "promised": follow_ups(summary, state, now.date()),
    }
    return HandOver(
        conversation_id=conversation.id,
        revision=conversation.revision,
        to=to,
        reason=reason,
        summary=summary,
        waiting=waiting,
        note=(templates or CaseTemplates()).fill(HAND_OVER, note),
        created_at=now,
    )


def follow_ups(summary: Summary, state: State, today: date) -> tuple[FollowUp, ...]:
    """Promises with the day they are due, and actions that are not over."""
    done = [content_words(s.text) for s in outcomes(state.actions)]
    promised = [
        FollowUp(text=f"Keep the promise: {p.text}", turn_ids=p.turn_ids, due_on=due_on(p.text, today))
        for p in summary.promises
        if not any(_covers(words, p.text) for words in done)
    ]
    waiting = [
        FollowUp(text=s.text, sources=s.sources)
        for s in _waiting(state)
        if not s.text.startswith(_WAITING[ActionStatus.PROPOSED])
    ]
    return (*promised, *waiting)


def due_on(promise: str, today: date) -> date | None:
    """The first day that a promise names; business days leave out Saturday and Sunday."""
    days = [d.day for d in find_dates(promise, today) if d.day >= today]
    days += [_later(today, m["count"], m["unit"]) for m in _WITHIN.finditer(promise)]
    days += [
        today + timedelta(days=(_DAYS.index(m["day"].lower()) - today.weekday()) % 7 or 7)
        for m in _WEEKDAY.finditer(promise)
    ]
    return min(days, default=None)


def disposition_of(matters: Sequence[Intent], playbooks: Mapping[str, Playbook]) -> Disposition:
    """Of the matter that most turns were about; of several, the one that came first."""
    names = [m.name for m in matters if m.name in playbooks]
    about_orders = [n for n in names if playbooks[n].needs_order] or names
    if not about_orders:
        return _UNFILED
    name = max(dict.fromkeys(about_orders), key=about_orders.count)
    playbook = playbooks[name]
    confidence = max(m.confidence for m in matters if m.name == name)
    return Disposition(code=playbook.disposition, title=playbook.title, confidence=confidence)


def _later(today: date, count: str, unit: str) -> date:
    number = int(count) if count.isdigit() else _COUNTS[count.lower()]
    if unit.lower() == "hour":
        return today + timedelta(days=number // 24)
    if unit.lower() == "week":
        return today + timedelta(weeks=number)
    if unit.lower() == "day":
        return today + timedelta(days=number)
    day = today
    while number:
        day += timedelta(days=1)
        number -= day.weekday() < _WEEKEND
    return day


def _covers(done: frozenset[str], promise: str) -> bool:
    """Whether an action that is over is what was promised."""
    words = content_words(promise)
    return bool(done) and len(words & done) >= _FULFILLED_SHARE * min(len(words), len(done))


def _waiting(state: State) -> tuple[Statement, ...]:
    return tuple(
        Statement(text=f"{_WAITING[a.status]}: {a.preview}", sources=(a.id,))
        for a in state.actions
        if a.status in _WAITING
    )


def _gap(question: str | None, conversation: Conversation) -> KnowledgeGapNote | None:
    """The turn that asked, and what the representative said next, for a knowledge manager to check."""
    if question is None:
        return None
    words = content_words(question)
    turns = conversation.turns
    asked = [t for t in turns if t.speaker is Speaker.CUSTOMER and words & content_words(t.text)]
    best = max(asked, key=lambda t: len(words & content_words(t.text)), default=None)
    if best is None:
        return KnowledgeGapNote(question=question)
    reply = next(
        (t for t in turns if t.sequence > best.sequence and t.speaker is Speaker.REPRESENTATIVE), None
    )
    told = Statement(text=shortened(mask(reply.text)), turn_ids=(reply.id,)) if reply else None
    return KnowledgeGapNote(question=question, turn_ids=(best.id,), told=told)


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
