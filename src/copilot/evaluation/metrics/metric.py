"""What is scored, and what every metric takes and gives back."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import Field

from copilot.domain.value import Value


class ToolUse(Value):
    """A tool call, made or expected."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Utterance(Value):
    """Of a customer, or of whoever served them."""

    customer: bool
    text: str


class Sample(Value):
    """One reply with all that a metric may need; what is not known is empty or None."""

    id: str
    reply: str
    contexts: tuple[str, ...] = ()
    """What the reply was to rest on."""
    history: tuple[str, ...] = ()
    """Earlier turns and, last, the one replied to."""
    reference: str | None = None
    """A reply that a person wrote."""
    reference_contexts: tuple[str, ...] = ()
    context_ids: tuple[str, ...] = ()
    reference_context_ids: tuple[str, ...] = ()
    calls: tuple[ToolUse, ...] = ()
    reference_calls: tuple[ToolUse, ...] | None = None
    goal: str | None = None
    """What the customer wanted to be done, for metrics of whole conversations; `said` is all of one."""
    said: tuple[Utterance, ...] = ()

    @property
    def question(self) -> str:
        return self.history[-1] if self.history else ""


class Score(Value):
    """A `value` from 0 to 1, or an `error` (it counts as 0 and is shown), or why it was `not_run`."""

    value: float | None = None
    error: str | None = None
    not_run: str | None = None
    evidence: dict[str, Any] = Field(default_factory=dict)
    """What a person wants to see, such as each sentence's best evidence."""
    tokens: int = 0
    cost: float = 0.0
    """In dollars, where the judge's prices are known."""
    seconds: float = 0.0

    @property
    def counted(self) -> float | None:
        """What an average takes; None only where the metric was not run."""
        if self.not_run is not None:
            return None
        return self.value if self.error is None and self.value is not None else 0.0


class Metric(Protocol):
    """Asked about every sample of a set, so that all metrics have the same denominator."""

    @property
    def name(self) -> str: ...

    @property
    def needs_judge(self) -> bool: ...

    async def score(self, sample: Sample) -> Score:
        """Never raises for what is wrong with one sample: that is an `error`."""


class BatchMetric(Metric, Protocol):
    """A metric that is quicker with all samples at once."""

    async def score_all(self, samples: Sequence[Sample]) -> list[Score]: ...


def average(scores: Sequence[Score]) -> float | None:
    """Over all samples, those with an error as 0; None when it was run on none."""
    counted = [value for score in scores if (value := score.counted) is not None]
    return sum(counted) / len(scores) if counted else None
