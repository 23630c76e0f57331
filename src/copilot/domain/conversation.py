"""A live conversation between a customer and a representative."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from copilot.domain.value import Value

MAX_TURN_CHARACTERS = 20_000


class Channel(StrEnum):
    CHAT = "chat"
    EMAIL = "email"
    PHONE = "phone"


class Speaker(StrEnum):
    CUSTOMER = "customer"
    REPRESENTATIVE = "representative"


class ConversationStatus(StrEnum):
    OPEN = "open"
    WRAPPED_UP = "wrapped_up"


class Turn(Value):
    """One message; `sequence` counts from 1 within its conversation."""

    id: str
    conversation_id: str
    sequence: int = Field(ge=1)
    speaker: Speaker
    text: str
    created_at: datetime


class PartialTurn(Value):
    """What has been heard so far of an utterance that goes on: each one replaces the one before.

    When the utterance has ended it becomes the Turn with the id `turn_id`.
    """

    turn_id: str
    conversation_id: str
    utterance_id: str
    speaker: Speaker
    text: str
    created_at: datetime


class Conversation(Value):
    """The conversation as of `revision`, which grows by one with every turn and every change of customer.

    `customer_id` is the customer the representative has verified, or None: tools read nobody else.
    """

    id: str
    tenant_id: str
    channel: Channel
    status: ConversationStatus = ConversationStatus.OPEN
    revision: int = 0
    subject: str = ""
    customer_id: str | None = None
    representative_id: str | None = None
    created_at: datetime
    updated_at: datetime
    turns: tuple[Turn, ...] = ()

    @property
    def last_customer_turn(self) -> Turn | None:
        return next((t for t in reversed(self.turns) if t.speaker is Speaker.CUSTOMER), None)
