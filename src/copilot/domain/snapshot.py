"""How a conversation's events add up to the snapshot that a newly connected panel is shown."""

import hashlib
import re
from enum import StrEnum
from typing import Any

from pydantic import Field

from copilot.domain.actions import Action
from copilot.domain.assist import (
    Answer,
    KnowledgeCards,
    NextActions,
    Suggestion,
    SuggestionBlocked,
    SuggestionDelta,
    ToolResultShown,
)
from copilot.domain.assist_events import ConversationSnapshot, EventData
from copilot.domain.conversation import Conversation, PartialTurn
from copilot.domain.signals import Alert
from copilot.domain.understanding import Understanding
from copilot.domain.value import Value
from copilot.domain.wrap_up import Summary, WrapUp

_SUGGESTED_KEPT = 40


class Progress(StrEnum):
    """How far the work on a turn came: not even shown, shown, or worked on to its end."""

    UNTOLD = "untold"
    TOLD = "told"
    DONE = "done"


class EventMarks(Value):
    """Where the numbering of a conversation's events stands in the store.

    Every id up to `reserved` may have been used. Lasting events (all but deltas) are saved up to `saved`,
    which was the last one of `saved_revision`.
    """

    reserved: int = Field(default=0, ge=0)
    saved: int = Field(default=0, ge=0)
    saved_revision: int = Field(default=0, ge=0)


def advanced(snapshot: ConversationSnapshot, conversation: Conversation) -> ConversationSnapshot:
    """The snapshot after the conversation moved on.

    A reply draft belongs to one revision and goes with it; everything else stands until it is replaced.
    """
    changes: dict[str, Any] = {"conversation": conversation}
    if snapshot.partials:
        ended = {turn.id for turn in conversation.turns}
        changes["partials"] = tuple(p for p in snapshot.partials if p.turn_id not in ended)
    if conversation.revision > snapshot.conversation.revision:
        changes |= {"suggestion": None, "drafts": ()}
    return snapshot.model_copy(update=changes)


def shown(snapshot: ConversationSnapshot, data: EventData) -> ConversationSnapshot:
    """The snapshot after `data` was shown too."""
    changes = _changes(snapshot, data)
    return snapshot.model_copy(update=changes) if changes else snapshot


def _changes(snapshot: ConversationSnapshot, data: EventData) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912 - a case per kind
    match data:
        case ConversationSnapshot():
            return {name: getattr(data, name) for name in ConversationSnapshot.model_fields}
        case PartialTurn():
            others = tuple(p for p in snapshot.partials if p.turn_id != data.turn_id)
            return {"partials": (*others, data)}
        case Understanding():
            return {"understanding": data}
        case KnowledgeCards():
            return {} if data.unchanged else {"knowledge": data}
        case ToolResultShown():
            return {"order_view": data.order_view} if data.order_view else {}
        case NextActions():
            return {"next_actions": data.actions}
        case Action():
            rest = tuple(a for a in snapshot.actions if a.id != data.id)
            return {"actions": (*rest, data)}
        case SuggestionDelta():
            return {"drafts": _extended(snapshot.drafts, data)}
        case Suggestion():
            key = content_key(data.text)
            suggested = (*(k for k in snapshot.suggested if k != key), key)[-_SUGGESTED_KEPT:]
            drafts = _without(snapshot.drafts, data.id)
            return {"suggestion": data, "drafts": drafts, "suggested": suggested}
        case SuggestionBlocked():
            return {"drafts": _without(snapshot.drafts, data.suggestion_id)}
        case Alert():
            return {"alerts": (*snapshot.alerts, data)}
        case Answer():
            return {"answer": data}
        case Summary():
            return {"summary": data}
        case WrapUp():
            return {"wrap_up": data, "summary": data.summary}
        case _:  # turns come with `advanced`; the others leave nothing behind
            return {}


def content_key(text: str) -> str:
    """What two texts share that say the same in the same words; it tells nothing of the text."""
    words = " ".join(re.findall(r"\w+", text.casefold()))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _extended(drafts: tuple[SuggestionDelta, ...], delta: SuggestionDelta) -> tuple[SuggestionDelta, ...]:
    before = next((d.text for d in drafts if d.suggestion_id == delta.suggestion_id), "")
    whole = delta.model_copy(update={"text": before + delta.text})
    return (*_without(drafts, delta.suggestion_id), whole)


def _without(drafts: tuple[SuggestionDelta, ...], suggestion_id: str) -> tuple[SuggestionDelta, ...]:
    return tuple(d for d in drafts if d.suggestion_id != suggestion_id)
