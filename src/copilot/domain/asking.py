"""A representative's question, and what those who answer it get and give back."""

from datetime import date
from typing import Any

from pydantic import Field

from copilot.domain.actions import PolicyDecision, ToolEffect
from copilot.domain.assist import Drafter, KnowledgeCard, Sentence
from copilot.domain.conversation import Conversation
from copilot.domain.value import Value

MAX_QUESTION_CHARACTERS = 1_000


class AskLimits(Value):
    """What one question may cost, whatever a model wants."""

    steps: int = Field(default=8, ge=1)
    """Tool calls."""
    result_characters: int = Field(default=6_000, ge=200)
    """Of one tool's answer."""
    model_calls: int = Field(default=10, ge=1)
    reply_tokens: int = Field(default=600, ge=16)
    """Of one model call."""
    tokens: int = Field(default=40_000, ge=100)
    """Of all model calls together, prompts included."""
    seconds: float = Field(default=60.0, gt=0)


class AskTicket(Value):
    """The question has been taken; what comes of it arrives as events with this `ask_id`."""

    ask_id: str
    conversation_id: str
    revision: int


class AskRequest(Value):
    """The question in its conversation. `hint` is what the representative has in mind already."""

    ask_id: str
    conversation: Conversation
    question: str
    hint: str = ""
    company: str
    today: date


class ToolSpec(Value):
    """A tool as it is shown to a model; `parameters` is a JSON schema. Nothing in it names a customer."""

    name: str
    description: str
    effect: ToolEffect
    parameters: dict[str, Any]
    outside: bool = False
    """Whether it belongs to somebody else's server: what it says is text, not fact."""


class ToolReply(Value):
    """What a model gets to read of a tool call: bounded, personal data masked, marked as data."""

    ok: bool
    text: str


class LoopPrompt(Value):
    """`system` is the stable part, `user` what changes; personal data masked, customer text as data."""

    system: str
    user: str


class LoopAnswer(Value):
    """A model's last words, not yet checked, and why they came early if they did."""

    text: str
    stopped: str | None = None
    model_calls: int = 0
    tokens: int = 0


class AnswerDraft(Value):
    """An answer as its sentences, each with what it rests on."""

    answered: bool
    drafter: Drafter
    sentences: tuple[Sentence, ...] = ()
    decision: PolicyDecision | None = None
    knowledge: tuple[KnowledgeCard, ...] = ()
    stopped: str | None = None
