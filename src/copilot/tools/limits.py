"""How long proposals and approvals hold, and how patiently calls are tried."""

from datetime import timedelta

from pydantic import Field

from copilot.domain.value import Value


class Limits(Value):
    proposal_holds: timedelta = timedelta(minutes=30)
    second_approval_within: timedelta = timedelta(hours=4)
    """How long a first approval waits for the second person."""
    approval_holds: timedelta = timedelta(minutes=10)
    """How long after the last approval execution may still begin."""
    call_seconds: float = Field(default=10.0, gt=0)
    attempts: int = Field(default=5, ge=1)
    first_pause_seconds: float = Field(default=0.2, ge=0)
    """Doubles with every attempt."""
    longest_pause_seconds: float = Field(default=5.0, ge=0)
