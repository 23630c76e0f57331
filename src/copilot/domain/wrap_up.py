"""The rolling summary and what closes a conversation."""

from datetime import datetime

from copilot.domain.value import Value


class Statement(Value):
    """One line of a summary and the turns it came from."""

    text: str
    turn_ids: tuple[str, ...] = ()


class Summary(Value):
    """Where the conversation stands after `revision`."""

    conversation_id: str
    revision: int
    issue: Statement | None = None
    tried: tuple[Statement, ...] = ()
    facts: tuple[Statement, ...] = ()
    promises: tuple[Statement, ...] = ()
    open_questions: tuple[Statement, ...] = ()
    next_step: str | None = None


class Disposition(Value):
    """The code under which the conversation is filed."""

    code: str
    title: str
    confidence: float


class WrapUp(Value):
    """What goes into the CRM when the conversation ends."""

    conversation_id: str
    disposition: Disposition
    tags: tuple[str, ...] = ()
    summary: Summary
    case_note: str
    follow_ups: tuple[str, ...] = ()
    knowledge_gap: str | None = None
    created_at: datetime
