"""What the representative's panel shows, as events of one conversation.

Every event is `{id, type, conversation_id, revision, created_at, data}`; ids grow within a conversation.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from copilot.domain.actions import Action
from copilot.domain.assist import (
    Answer,
    AskStep,
    Degraded,
    KnowledgeCards,
    NextAction,
    NextActions,
    OrderView,
    Suggestion,
    SuggestionBlocked,
    SuggestionDelta,
    SuggestionSilent,
    ToolResultShown,
)
from copilot.domain.conversation import Conversation, PartialTurn, Turn
from copilot.domain.signals import Alert
from copilot.domain.understanding import Understanding
from copilot.domain.value import Value
from copilot.domain.wrap_up import Summary, WrapUp


class ConversationSnapshot(Value):
    """Everything a panel needs when it connects or has missed too much."""

    conversation: Conversation
    understanding: Understanding | None = None
    knowledge: KnowledgeCards | None = None
    order_view: OrderView | None = None
    next_actions: tuple[NextAction, ...] = ()
    actions: tuple[Action, ...] = ()
    suggestion: Suggestion | None = None
    drafts: tuple[SuggestionDelta, ...] = ()
    """Drafts still being streamed, each with its whole text so far; later deltas add to it."""
    summary: Summary | None = None
    wrap_up: WrapUp | None = None
    answer: Answer | None = None
    """To the last question a representative asked."""
    alerts: tuple[Alert, ...] = ()
    """What supervisors were told, oldest first."""
    partials: tuple[PartialTurn, ...] = ()
    """Utterances that are still going on, as far as they were heard."""
    suggested: tuple[str, ...] = ()
    """Content keys of the drafts shown so far, so that none is suggested twice."""


class _Event(Value):
    id: int
    conversation_id: str
    revision: int
    created_at: datetime


class SnapshotEvent(_Event):
    type: Literal["snapshot"] = "snapshot"
    data: ConversationSnapshot


class TurnEvent(_Event):
    type: Literal["turn"] = "turn"
    data: Turn


class PartialTurnEvent(_Event):
    type: Literal["turn.partial"] = "turn.partial"
    data: PartialTurn


class UnderstandingEvent(_Event):
    type: Literal["understanding"] = "understanding"
    data: Understanding


class KnowledgeEvent(_Event):
    type: Literal["knowledge"] = "knowledge"
    data: KnowledgeCards


class ToolResultEvent(_Event):
    type: Literal["tool.result"] = "tool.result"
    data: ToolResultShown


class NextActionsEvent(_Event):
    type: Literal["next_actions"] = "next_actions"
    data: NextActions


class ActionUpdatedEvent(_Event):
    type: Literal["action.updated"] = "action.updated"
    data: Action


class SuggestionDeltaEvent(_Event):
    type: Literal["suggestion.delta"] = "suggestion.delta"
    data: SuggestionDelta


class SuggestionCompletedEvent(_Event):
    type: Literal["suggestion.completed"] = "suggestion.completed"
    data: Suggestion


class SuggestionBlockedEvent(_Event):
    type: Literal["suggestion.blocked"] = "suggestion.blocked"
    data: SuggestionBlocked


class SuggestionSilentEvent(_Event):
    type: Literal["suggestion.silent"] = "suggestion.silent"
    data: SuggestionSilent


class SummaryEvent(_Event):
    type: Literal["summary"] = "summary"
    data: Summary


class WrapUpEvent(_Event):
    type: Literal["wrap_up"] = "wrap_up"
    data: WrapUp


class DegradedEvent(_Event):
    type: Literal["degraded"] = "degraded"
    data: Degraded


class AskStepEvent(_Event):
    type: Literal["ask.step"] = "ask.step"
    data: AskStep


class AskAnsweredEvent(_Event):
    type: Literal["ask.answered"] = "ask.answered"
    data: Answer


class AlertEvent(_Event):
    type: Literal["alert"] = "alert"
    data: Alert


class AheadOutcome(StrEnum):
    PROMOTED = "promoted"
    CANCELLED = "cancelled"


class WorkAhead(Value):
    """What became of the work done while the customer was still typing or speaking."""

    outcome: AheadOutcome
    saved_milliseconds: float = Field(default=0.0, ge=0)
    """How long what did not have to be done any more had taken."""


class RevisionDone(Value):
    """Nothing more will come for this revision; `milliseconds` since its turn was accepted."""

    milliseconds: float
    ahead: WorkAhead | None = None
    """None: nothing was begun before the turn arrived."""


class RevisionDoneEvent(_Event):
    type: Literal["revision.done"] = "revision.done"
    data: RevisionDone


AssistEvent = Annotated[
    SnapshotEvent
    | TurnEvent
    | PartialTurnEvent
    | UnderstandingEvent
    | KnowledgeEvent
    | ToolResultEvent
    | NextActionsEvent
    | ActionUpdatedEvent
    | SuggestionDeltaEvent
    | SuggestionCompletedEvent
    | SuggestionBlockedEvent
    | SuggestionSilentEvent
    | SummaryEvent
    | WrapUpEvent
    | DegradedEvent
    | AskStepEvent
    | AskAnsweredEvent
    | AlertEvent
    | RevisionDoneEvent,
    Field(discriminator="type"),
]


EventData = (
    ConversationSnapshot
    | Turn
    | PartialTurn
    | Understanding
    | KnowledgeCards
    | ToolResultShown
    | NextActions
    | Action
    | SuggestionDelta
    | Suggestion
    | SuggestionBlocked
    | SuggestionSilent
    | Summary
    | WrapUp
    | Degraded
    | AskStep
    | Answer
    | Alert
    | RevisionDone
)
