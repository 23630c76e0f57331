"""What tells that a conversation goes well or wrong, and what a supervisor is told of it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from copilot.domain.conversation import Speaker
from copilot.domain.value import Value


class SignalKind(StrEnum):
    URGENCY = "urgency"
    FRUSTRATION = "frustration"
    CHURN_RISK = "churn_risk"
    LEGAL_THREAT = "legal_threat"
    SUPERVISOR_ASKED = "supervisor_asked"
    REPEATED_CONTACT = "repeated_contact"
    BROKEN_PROMISE = "broken_promise"


class Signal(Value):
    """One thing noticed; `level` from 0 to 1, `turn_ids` the turns that show it."""

    kind: SignalKind
    level: Annotated[float, Field(ge=0, le=1)]
    why: str
    turn_ids: tuple[str, ...] = ()


class Trend(StrEnum):
    """Where the customer's mood goes over the last turns."""

    FALLING = "falling"
    STEADY = "steady"
    RISING = "rising"


class Promise(Value):
    """What the company has said it will do: in this conversation, or before it, as the customer tells.

    `due_on` None: no day was named. `overdue` as of the turn that was understood last.
    """

    said_by: Speaker
    """REPRESENTATIVE: made in this conversation. CUSTOMER: reported of an earlier one."""
    text: str
    due_on: date | None = None
    overdue: bool = False
    turn_id: str


class Alert(Value):
    """A conversation that a supervisor should look at, told once for each reason."""

    id: str
    type: Literal["alert"] = "alert"
    tenant_id: str
    conversation_id: str
    revision: int
    reason: SignalKind
    message: str
    turn_ids: tuple[str, ...] = ()
    representative_id: str | None = None
    created_at: datetime
