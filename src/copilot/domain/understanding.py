"""What a turn means: its intent, what it names, and how the customer feels."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from copilot.domain.commerce import Money
from copilot.domain.signals import Promise, Signal, Trend
from copilot.domain.value import Value

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
