"""How a conversation's events add up to the snapshot that a newly connected panel is shown."""

from typing import Any

from pydantic import Field

from copilot.domain.actions import Action
from copilot.domain.assist import (
    Answer,
    ConversationSnapshot,
    EventData,
    KnowledgeCards,
    NextActions,
    Suggestion,
    SuggestionBlocked,
    SuggestionDelta,
    ToolResultShown,
    Understanding,
)
from copilot.domain.conversation import Conversation
from copilot.domain.signals import Alert
from copilot.domain.value import Value
from copilot.domain.wrap_up import Summary, WrapUp


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
        case Understanding():
            return {"understanding": data}
        case KnowledgeCards():
            return {"knowledge": data}
        case ToolResultShown():
            return {"order_view": data.order_view} if data.order_view else {}
        case NextActions():
            return {"next_actions": data.actions}
        case Action():
            others = tuple(a for a in snapshot.actions if a.id != data.id)
            return {"actions": (*others, data)}
        case SuggestionDelta():
            return {"drafts": _extended(snapshot.drafts, data)}
        case Suggestion():
            return {"suggestion": data, "drafts": _without(snapshot.drafts, data.id)}
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


def _extended(drafts: tuple[SuggestionDelta, ...], delta: SuggestionDelta) -> tuple[SuggestionDelta, ...]:
    before = next((d.text for d in drafts if d.suggestion_id == delta.suggestion_id), "")
    whole = delta.model_copy(update={"text": before + delta.text})
    return (*_without(drafts, delta.suggestion_id), whole)


def _without(drafts: tuple[SuggestionDelta, ...], suggestion_id: str) -> tuple[SuggestionDelta, ...]:
    return tuple(d for d in drafts if d.suggestion_id != suggestion_id)
