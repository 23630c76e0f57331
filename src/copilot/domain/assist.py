"""What the copilot gives to a representative: knowledge, drafts, next steps, answers."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from copilot.domain.actions import PolicyDecision, ToolCall, ToolResult
from copilot.domain.commerce import Customer, Order
from copilot.domain.knowledge import Citation
from copilot.domain.understanding import Confidence
from copilot.domain.value import Value


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


class NextActions(Value):
    actions: tuple[NextAction, ...]


class ToolResultShown(Value):
    """A READ tool ran; `order_view` is the order card it leads to."""

    result: ToolResult
    order_view: OrderView | None = None
