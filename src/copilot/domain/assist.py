"""What the representative's panel shows, as events of one conversation.

Every event is `{id, type, conversation_id, revision, created_at, data}`; ids grow within a conversation.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from copilot.domain.actions import Action, PolicyDecision, ToolCall, ToolResult
from copilot.domain.commerce import Customer, Money, Order
from copilot.domain.conversation import Conversation, PartialTurn, Turn
from copilot.domain.knowledge import Citation
from copilot.domain.signals import Alert, Promise, Signal, Trend
from copilot.domain.value import Value
from copilot.domain.wrap_up import Summary, WrapUp

Confidence = Annotated[float, Field(ge=0, le=1)]


class EntityKind(StrEnum):
    ORDER_ID = "order_id"
    EMAIL = "email"
    PHONE = "phone"
    ZIP = "zip"
    AMOUNT = "amount"
    DATE = "date"
    PRODUCT = "product"
    CARD = "card"


class Entity(Value):
    """Something named in a turn; `value` is normalised, `text` as written at `start`..`end` of the turn.

    Of a CARD nothing is kept but where it stands: `value` and `text` are "[CARD]".
    """

    kind: EntityKind
    value: str
    text: str
    start: int
    end: int
    turn_id: str
    money: Money | None = None
    """Of an AMOUNT."""
    doubt: str | None = None
    """Why it may be misread (a check digit that does not fit), for the representative to confirm."""


class Intent(Value):
    """What the customer wants: the `name` of a playbook."""

    name: str
    title: str
    confidence: Confidence


class SentimentLabel(StrEnum):
    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


class Sentiment(Value):
    """`score` from -1 (angry) to 1 (delighted)."""

    label: SentimentLabel
    score: float = Field(ge=-1, le=1)


class Understanding(Value):
    """What one turn means in its conversation; `intent` is None when it matches no playbook."""

    query: str
    """The question put to the knowledge base: the turn in its context, personal data masked."""
    intent: Intent | None = None
    alternatives: tuple[Intent, ...] = ()
    entities: tuple[Entity, ...] = ()
    sentiment: Sentiment
    asks_something: bool = True
    """False for thanks, greetings and the like: nothing to look up, nothing to answer from knowledge."""
    language: str | None = None
    """ISO 639-1; of the conversation where the turn is too short to tell. None: nothing tells."""
    trend: Trend = Trend.STEADY
    """Of the sentiment, over the customer's last turns."""
    signals: tuple[Signal, ...] = ()
    promises: tuple[Promise, ...] = ()
    """Of the whole conversation, oldest first."""


class KnowledgeCard(Value):
    """One passage worth showing, its best sentence marked as the quote."""

    citation: Citation
    text: str
    """The whole passage, for unfolding the card."""
    confidence: Confidence
    updated_on: str | None = None
    stale: bool = False
    conflicts_with: tuple[str, ...] = ()


class KnowledgeCards(Value):
    """`answered` is False with no cards: plainly not in the knowledge base."""

    answered: bool
    confidence: Confidence
    cards: tuple[KnowledgeCard, ...] = ()
    unchanged: bool = False
    """The cards that were shown before stand for this revision too, and are not sent again."""


class Support(StrEnum):
    SUPPORTED = "supported"
    TEMPLATE = "template"
    FACT = "fact"
    UNSUPPORTED = "unsupported"


class Sentence(Value):
    """A sentence of a draft and what it rests on.

    SUPPORTED has citations, FACT the ids of tool calls, TEMPLATE the playbook's name.
    """

    text: str
    support: Support
    citations: tuple[Citation, ...] = ()
    sources: tuple[str, ...] = ()


class Drafter(StrEnum):
    COMPOSER = "composer"
    LLM = "llm"


class SilenceReason(StrEnum):
    SELDOM_USED = "seldom_used"
    SUGGESTED_BEFORE = "suggested_before"


class Suggestion(Value):
    """A reply draft for one revision; `text` is its sentences joined as they would be sent."""

    id: str
    conversation_id: str
    revision: int
    drafter: Drafter
    text: str
    sentences: tuple[Sentence, ...]
    confidence: Confidence
    replaces: str | None = None
    intent: str | None = None
    """The playbook of the turn that it answers: what its feedback counts for."""
    why: str = ""
    """Why it was worth an interruption, in words for the representative."""
    created_at: datetime


class SuggestionSilent(Value):
    """A reply draft that was kept back, and why: nothing is wrong with the service."""

    drafter: Drafter
    reason: SilenceReason
    why: str
    confidence: Confidence


class NextActionKind(StrEnum):
    ASK = "ask"
    VERIFY = "verify"
    LOOK_UP = "look_up"
    TOOL = "tool"
    OFFER = "offer"
    INFORM = "inform"
    ESCALATE = "escalate"
    CLOSE = "close"


class NextAction(Value):
    """What to do now, why, and, where it is a tool, the call ready to be approved."""

    id: str
    kind: NextActionKind
    title: str
    why: str
    playbook: str
    step: str
    say: str | None = None
    missing: tuple[str, ...] = ()
    call: ToolCall | None = None
    action_id: str | None = None
    """The proposal to approve, for WRITE and MONEY tools that policy does not deny."""
    preview: str | None = None
    decision: PolicyDecision | None = None
    confidence: Confidence = 1.0


class FeedbackVerdict(StrEnum):
    USED = "used"
    EDITED = "edited"
    IGNORED = "ignored"
    REJECTED = "rejected"


class AnswerFeedback(Value):
    """What the representative did with a suggestion."""

    suggestion_id: str
    tenant_id: str
    principal_id: str
    verdict: FeedbackVerdict
    final_text: str | None = None
    reason: str | None = None
    created_at: datetime


class BlockReason(StrEnum):
    NO_SUPPORT = "no_support"
    LLM_UNAVAILABLE = "llm_unavailable"
    LLM_INVALID = "llm_invalid"
    LESS_SUPPORTED = "less_supported"
    LANGUAGE = "language"
    """The customer writes a language that the tenant has no templates in."""


class SuggestionDelta(Value):
    suggestion_id: str
    drafter: Drafter
    text: str


class SuggestionBlocked(Value):
    """A draft that is not shown, and why; another drafter's may stand."""

    suggestion_id: str
    drafter: Drafter
    reason: BlockReason
    message: str


class Degraded(Value):
    """Part of the service could not do its work for this revision."""

    component: str
    message: str


class OrderView(Value):
    """What the order card shows."""

    customer: Customer | None = None
    orders: tuple[Order, ...] = ()


class AskStepKind(StrEnum):
    SEARCH = "search"
    READ = "read"
    POLICY = "policy"
    PROPOSE = "propose"


class AskStep(Value):
    """One thing done to answer a representative's question; `detail` says what came of it."""

    ask_id: str
    number: int = Field(ge=1)
    kind: AskStepKind
    tool: str
    ok: bool
    detail: str = ""
    call_id: str | None = None
    """Of a READ tool: what FACT sentences of the answer name as their source."""
    action_id: str | None = None


class Answer(Value):
    """The answer to a representative's question; its sentences may quote internal passages.

    With `answered` False it says plainly that it is not known; `knowledge` is then the nearest there is.
    """

    ask_id: str
    conversation_id: str
    revision: int
    question: str
    answered: bool
    drafter: Drafter
    sentences: tuple[Sentence, ...]
    decision: PolicyDecision | None = None
    knowledge: tuple[KnowledgeCard, ...] = ()
    action_ids: tuple[str, ...] = ()
    """Proposals that follow, each waiting for a person."""
    stopped: str | None = None
    """Why a model's loop ended before it was done."""
    created_at: datetime


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


class NextActions(Value):
    actions: tuple[NextAction, ...]


class ToolResultShown(Value):
    """A READ tool ran; `order_view` is the order card it leads to."""

    result: ToolResult
    order_view: OrderView | None = None


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
