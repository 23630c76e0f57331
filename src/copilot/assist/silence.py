"""Assist or silence: whether a draft is likely enough to be used to be worth an interruption.

How likely, is learned from what became of earlier drafts: a representative's own record with the intent,
drawn towards everybody's record with it, that towards the tenant's, and that towards what holds before
anybody has said anything. The draft's own confidence moves it up or down. Other tenants do not enter.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

from copilot.domain.feedback import FeedbackHistory, FeedbackOutcome, FeedbackTally
from copilot.ports import FeedbackStatistics

_CACHED = 4_096


@dataclass(frozen=True)
class SilenceLimits:
    """What an interruption costs, as a share of what a used draft is worth, and how fast we believe a record.

    The defaults are calibrated on the recorded conversations (docs/decisions/0019-assist-or-silence.md).
    """

    cost: float = 0.35
    """A draft is shown when p · 1 ≥ (1 - p) · cost."""
    prior: float = 0.6
    """The share of drafts that are of use before anybody has said anything."""
    usual_confidence: float = 0.75
    """The confidence at which a draft is as likely to be used as its record says."""
    edited_is_worth: float = 0.7
    weight_of_prior: float = 20.0
    """In drafts: a tenant's record counts as much as the prior after so many."""
    weight_of_tenant: float = 12.0
    weight_of_intent: float = 8.0
    window: int = 50
    probe_every: int = 10
    """Every so many silences in a row one draft is shown, so that a record can get better again."""

    @property
    def threshold(self) -> float:
        return self.cost / (1 + self.cost)


@dataclass(frozen=True)
class Verdict:
    """Whether to show a draft, and why, in words for the representative."""

    show: bool
    why: str
    likelihood: float


class Silence:
    """One per process. Histories are remembered until feedback changes them."""

    def __init__(self, statistics: FeedbackStatistics, limits: SilenceLimits | None = None) -> None:
        self._statistics = statistics
        self._limits = limits or SilenceLimits()
        self._histories: OrderedDict[tuple[str, str | None, str], FeedbackHistory] = OrderedDict()
        self._silent: dict[tuple[str, str | None, str], int] = {}

    async def decide(
        self, tenant_id: str, intent: str | None, principal_id: str, confidence: float, title: str = ""
    ) -> Verdict:
        """`confidence` is the draft's own; `title` names the matter in the explanation."""
        key = (tenant_id, intent, principal_id)
        history = await self._history(key)
        likelihood = usefulness(history, confidence, self._limits)
        explained = _explained(history, title, confidence)
        if likelihood >= self._limits.threshold:
            self._silent.pop(key, None)
            return Verdict(show=True, why=f"shown because {explained}", likelihood=likelihood)
        silences = self._silent[key] = self._silent.get(key, 0) + 1
        if silences >= self._limits.probe_every:
            del self._silent[key]
            why = f"shown once again to see whether it helps by now: {explained}"
            return Verdict(show=True, why=why, likelihood=likelihood)
        return Verdict(show=False, why=f"kept back because {explained}", likelihood=likelihood)

    async def record(self, outcome: FeedbackOutcome) -> None:
        """Counts it, for the tenant whose it is."""
        await self._statistics.record(outcome)
        for key in [k for k in self._histories if k[0] == outcome.tenant_id]:
            del self._histories[key]

    async def _history(self, key: tuple[str, str | None, str]) -> FeedbackHistory:
        history = self._histories.get(key)
        if history is None:
            history = await self._statistics.history(*key, last=self._limits.window)
            self._histories[key] = history
            while len(self._histories) > _CACHED:
                self._histories.popitem(last=False)
        return history


def usefulness(history: FeedbackHistory, confidence: float, limits: SilenceLimits) -> float:
    """How likely a draft of that confidence is to be of use, 0..1."""
    rate = limits.prior
    for tally, weight in (
        (history.tenant, limits.weight_of_prior),
        (history.intent, limits.weight_of_tenant),
        (history.representative, limits.weight_of_intent),
    ):
        useful = tally.used + limits.edited_is_worth * tally.edited
        rate = (weight * rate + useful) / (weight + tally.shown)
    shift = _log_odds(confidence) - _log_odds(limits.usual_confidence)
    return 1 / (1 + math.exp(-(_log_odds(rate) + shift)))


def _log_odds(share: float) -> float:
    bounded = min(max(share, 0.01), 0.99)
    return math.log(bounded / (1 - bounded))


_ENOUGH_TO_NAME = 5


def _explained(history: FeedbackHistory, title: str, confidence: float) -> str:
    """The narrowest record that says something, else the draft's own confidence."""
    matter = f" about “{title}”" if title else ""
    for tally, whose in (
        (history.representative, f"you were shown{matter}"),
        (history.intent, f"your team was shown{matter}"),
        (history.tenant, "your team was shown"),
    ):
        if tally.shown >= _ENOUGH_TO_NAME:
            return f"{_of(tally)} of the last {tally.shown} drafts that {whose} were used"
    return f"it is {confidence:.0%} sure, and nobody has yet said how useful such drafts are"


def _of(tally: FeedbackTally) -> str:
    return f"{tally.used + tally.edited}"
