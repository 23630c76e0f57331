"""Representatives' habits: how often they look at what is suggested before they use it.

What somebody sees who looks is taken as right: a number that stands nowhere, a promise that policy denies, a
call that the scenario does not name as right. So a profile says how much depends on people looking, not how
well they see.
"""

import random
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from copilot.domain.value import Value
from copilot.evaluation.metrics.metric import ToolUse
from copilot.evaluation.simulation.names import Profile
from copilot.evaluation.simulation.scenario import RightAction


class Habits(Value):
    """Shares of the times, 0..1."""

    uses_drafts: float
    edits_drafts: float
    checks_drafts: float
    checks_actions: float


HABITS: Mapping[Profile, Habits] = {
    Profile.ACCEPTS: Habits(uses_drafts=1.0, edits_drafts=0.0, checks_drafts=0.3, checks_actions=0.5),
    Profile.EDITS: Habits(uses_drafts=1.0, edits_drafts=0.8, checks_drafts=0.8, checks_actions=0.7),
    Profile.IGNORES: Habits(uses_drafts=0.0, edits_drafts=0.0, checks_drafts=1.0, checks_actions=0.9),
    Profile.RUBBER_STAMPS: Habits(uses_drafts=1.0, edits_drafts=0.0, checks_drafts=0.0, checks_actions=0.0),
    Profile.CAREFUL: Habits(uses_drafts=1.0, edits_drafts=0.2, checks_drafts=1.0, checks_actions=1.0),
}
"""Set by hand: what matters is the order, from nobody looking to everybody."""


class Decision(StrEnum):
    APPROVE = "approve"
    CORRECT = "correct"
    REJECT = "reject"
    WAIT = "wait"


class Representative:
    """One person for one conversation; the same seed, the same moods."""

    def __init__(self, profile: Profile, seed: str) -> None:
        self._habits = HABITS[profile]
        self._random = random.Random(seed)  # noqa: S311 - a person's moods, no secret

    def answer(self, draft: str, faults: Sequence[str], own_words: str) -> str:
        """What is sent: the draft, the draft rewritten, or words of their own."""
        looks, uses, edits = (self._random.random() for _ in range(3))
        if not draft or uses >= self._habits.uses_drafts:
            return own_words
        if faults and looks < self._habits.checks_drafts:
            return own_words
        return rewritten(draft) if edits < self._habits.edits_drafts else draft

    def decide(
        self, tool: str, arguments: Mapping[str, Any], right: Sequence[RightAction], heard: str
    ) -> Decision:
        """On a call that waits; `heard` is all that the customer has said."""
        if self._random.random() >= self._habits.checks_actions:
            return Decision.APPROVE
        wanted = next((action for action in right if action.tool == tool), None)
        if wanted is None:
            return Decision.REJECT
        if not re.search(wanted.after, heard, re.IGNORECASE):
            return Decision.WAIT
        return Decision.APPROVE if fits(wanted, tool, arguments) else Decision.CORRECT


def fits(wanted: RightAction, tool: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the call is the right one, to the cent."""
    if wanted.tool != tool:
        return False
    return wanted.amount is None or _amount(arguments.get("amount")) == Decimal(wanted.amount)


def used(tool: str, amount: object) -> ToolUse:
    """A call, done or right, with the amount where the tool takes one, written in one way."""
    known = _amount(amount)
    return ToolUse(name=tool, arguments={} if known is None else {"amount": f"{known:.2f}"})


def _amount(value: object) -> Decimal | None:
    try:
        return Decimal(re.sub(r"[^\d.]", "", str(value)))
    except InvalidOperation:
        return None


def rewritten(draft: str) -> str:
    """As people edit: without the polite beginning, with an end of their own."""
    sentences = re.split(r"(?<=[.!?])\s+", draft)
    kept = sentences[1:] if len(sentences) > 1 else sentences
    return " ".join([*kept, "Let me know if anything is unclear."])
