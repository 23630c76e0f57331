"""How long proposals and approvals hold, how patiently calls are tried, and how much money may move."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import Field

from copilot.domain.actions import Action, Allowance, ToolEffect
from copilot.domain.commerce import Money
from copilot.domain.errors import LimitReached
from copilot.domain.value import Value


class MoneyLimits(Value):
    """What MONEY tools may pay out, in minor units, each currency by itself; None: no limit.

    An amount counts from the moment its call may leave, on that day in UTC, for the person who approved it
    first; what failed does not count. They hold for supervisors too: they bound the damage of any mistake.
    """

    per_call: int | None = Field(default=None, ge=0)
    per_representative_per_day: int | None = Field(default=None, ge=0)
    per_day: int | None = Field(default=None, ge=0)

    def refuse_call(self, effect: ToolEffect, amount: Money | None) -> None:
        """`LimitReached` for what could never be executed, so that nobody is asked to approve it."""
        if self.per_call is not None and paid_out(effect, amount) > self.per_call:
            raise LimitReached(
                f"{amount} is more than one call may pay out.", where="amount", hint="Ask an administrator."
            )

    def allowances(self, action: Action, at: datetime) -> tuple[Allowance, ...]:
        """What has to fit before the approved action may be carried out."""
        amount = paid_out(action.effect, action.amount)
        if amount == 0 or action.amount is None:
            return ()
        day = f"{at.astimezone(UTC).date().isoformat()} {action.amount.currency}"
        return tuple(
            Allowance(counter=counter, amount_minor=amount, at_most_minor=at_most, limit=limit)
            for counter, at_most, limit in self._counters(action, day)
        )

    def _counters(self, action: Action, day: str) -> Iterator[tuple[str, int, str]]:
        if self.per_call is not None:
            yield f"call {action.id}", self.per_call, "one call"
        if self.per_representative_per_day is not None:
            by = action.approvals[0].approver_id
            yield f"{day} by {by}", self.per_representative_per_day, "one representative in a day"
        if self.per_day is not None:
            yield f"{day}", self.per_day, "everybody together in a day"


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
    money: MoneyLimits = MoneyLimits()


def paid_out(effect: ToolEffect, amount: Money | None) -> int:
    """Minor units that leave the shop by the call itself; 0 where the customer pays or nothing moves."""
    return max(0, amount.minor) if effect is ToolEffect.MONEY and amount is not None else 0
