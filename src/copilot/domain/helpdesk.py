"""Conversations that are held in a helpdesk of somebody else's, and what passes between it and us."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from copilot.domain.conversation import Channel, Speaker
from copilot.domain.value import Value


class ExternalContact(Value):
    """A conversation as its CRM knows it: `external_id` is its name there, e.g. `chatwoot:567`."""

    external_id: str
    channel: Channel = Channel.CHAT
    subject: str = ""
    customer_email: str | None = None
    customer_verified: bool = False


class HelpdeskMessage(Value):
    """One message that a helpdesk told us of.

    `event_id` is the same whenever the helpdesk tells of it again; `message_id` is the utterance it becomes.
    Messages of a conversation are ordered by `position`.
    """

    event_id: str
    message_id: str
    position: float
    speaker: Speaker
    text: str
    contact: ExternalContact


class DeliveryStatus(StrEnum):
    RECEIVED = "received"
    TURNED = "turned"
    """The turn stands; what it led to is not known yet."""
    DONE = "done"
    FAILED = "failed"


class Delivery(Value):
    """A message that was taken in, and how far it has come."""

    tenant_id: str
    integration: str
    message: HelpdeskMessage
    status: DeliveryStatus = DeliveryStatus.RECEIVED
    received_at: datetime
    due_at: datetime
    attempts: int = Field(default=0, ge=0)
    problem: str = ""
    trace: str | None = None
    """Of the webhook that told of it, as a W3C traceparent."""


class WriteBack(StrEnum):
    """What is written into the helpdesk as a private note, at most once for each message of the customer."""

    NONE = "none"
    DRAFTS = "drafts"
    DRAFTS_AND_REASONS = "drafts_and_reasons"
    """Also why there is no draft."""


class NoteStatus(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    """Begun: it may or may not stand there already."""
    SENT = "sent"
    DROPPED = "dropped"
    """The conversation went on before it could be written."""
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        return self in {NoteStatus.WAITING, NoteStatus.SENDING}


class Note(Value):
    """A private note to be written into the helpdesk; `turn_id` is the customer's turn it answers.

    `mark` stands in its text, so that it is found again when nobody knows whether it was written.
    """

    id: str
    tenant_id: str
    integration: str
    external_id: str
    conversation_id: str
    turn_id: str
    mark: str
    text: str
    status: NoteStatus = NoteStatus.WAITING
    created_at: datetime
    due_at: datetime
    attempts: int = Field(default=0, ge=0)
    problem: str = ""
    trace: str | None = None
    """Of the work that left the note, as a W3C traceparent."""


class QueueState(Value):
    """How many messages and notes of one integration wait, how many were given up, and the latest problem."""

    messages_waiting: int = Field(default=0, ge=0)
    messages_failed: int = Field(default=0, ge=0)
    notes_waiting: int = Field(default=0, ge=0)
    notes_failed: int = Field(default=0, ge=0)
    problem: str = ""


class IntegrationState(QueueState):
    """One helpdesk as an operator looks at it."""

    name: str
    title: str
    write_back: WriteBack
