"""What representatives make of suggestions, counted: what assist-or-silence learns from."""

from datetime import datetime

from pydantic import Field

from copilot.domain.assist import FeedbackVerdict
from copilot.domain.value import Value


class FeedbackOutcome(Value):
    """What became of one suggestion with one representative; their last word counts."""

    suggestion_id: str
    tenant_id: str
    principal_id: str
    intent: str | None
    verdict: FeedbackVerdict
    at: datetime


class FeedbackTally(Value):
    """How often the last suggestions of a kind were of use: `useful` of `shown`, edited ones in part."""

    shown: int = Field(default=0, ge=0)
    used: int = Field(default=0, ge=0)
    edited: int = Field(default=0, ge=0)


class FeedbackHistory(Value):
    """The same for a representative with an intent, everybody with it, and the tenant as a whole."""

    representative: FeedbackTally = FeedbackTally()
    intent: FeedbackTally = FeedbackTally()
    tenant: FeedbackTally = FeedbackTally()
