"""The rolling summary, the hand-over of a conversation, and what closes it."""

from datetime import date, datetime

from pydantic import Field, field_validator

from copilot.domain.value import Value


class Statement(Value):
    """One line of a summary, the turns it came from, and the calls and actions whose result says it."""

    text: str
    turn_ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Ids of tool calls and of actions (their receipts)."""

    @property
    def linked(self) -> bool:
        return bool(self.turn_ids or self.sources)


class Summary(Value):
    """Where the conversation stands after `revision`."""

    conversation_id: str
    revision: int
    issue: Statement | None = None
    reported: tuple[Statement, ...] = ()
    """What the customer says has happened."""
    tried: tuple[Statement, ...] = ()
    facts: tuple[Statement, ...] = ()
    """What the order system and policy say."""
    promises: tuple[Statement, ...] = ()
    open_questions: tuple[Statement, ...] = ()
    next_step: str | None = None

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Every line, in the order of reading."""
        issue = (self.issue,) if self.issue is not None else ()
        return (
            *issue,
            *self.reported,
            *self.facts,
            *self.tried,
            *self.promises,
            *self.open_questions,
        )


class Disposition(Value):
    """The code under which the conversation is filed."""

    code: str
    title: str
    confidence: float


class FollowUp(Statement):
    """Something to be done after the conversation."""

    due_on: date | None = None


class KnowledgeGapNote(Value):
    """A question that the knowledge base did not answer, and what the customer was told instead."""

    question: str
    turn_ids: tuple[str, ...] = ()
    told: Statement | None = None
    """The representative's own answer, for a knowledge manager to check."""


class WrapUp(Value):
    """What goes into the CRM when the conversation ends."""

    conversation_id: str
    disposition: Disposition
    tags: tuple[str, ...] = ()
    summary: Summary
    case_note: str
    follow_ups: tuple[FollowUp, ...] = ()
    knowledge_gap: KnowledgeGapNote | None = None
    created_at: datetime

    @field_validator("follow_ups", mode="before")
    @classmethod
    def _kept_as_text(cls, value: object) -> object:
        """Conversations that were wrapped up before follow-ups had a day hold them as text."""
        if isinstance(value, list | tuple):
            return tuple({"text": task} if isinstance(task, str) else task for task in value)
        return value

    @field_validator("knowledge_gap", mode="before")
    @classmethod
    def _kept_as_question(cls, value: object) -> object:
        return {"question": value} if isinstance(value, str) else value


class HandOver(Value):
    """What a colleague reads who takes the conversation over."""

    conversation_id: str
    revision: int
    to: str = Field(min_length=1)
    """A person or a team, as the CRM names them."""
    reason: str
    summary: Summary
    waiting: tuple[Statement, ...] = ()
    """Actions that are not finished."""
    note: str
    """The same as text, in the tenant's template."""
    created_at: datetime
