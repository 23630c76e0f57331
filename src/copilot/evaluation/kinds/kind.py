"""What every kind of evaluation takes and gives back."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import Field

from copilot.domain.knowledge import Refusal
from copilot.domain.value import Value
from copilot.evaluation.metrics.metric import Sample

OnProgress = Callable[[int, int], None]
"""Called with how many cases are done, and of how many."""


class KindOptions(Value):
    """What a run is given, by a suite file or on the command line."""

    data: Path
    """A folder or file in the kind's format."""
    train: Path | None = None
    """What the system under test may learn from; without it, the kind says what it does instead."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many cases, chosen by `seed`."""
    seed: int = 0
    judge: str | None = None
    """The judge's model; None: what needs one is not run."""
    system: dict[str, Any] = Field(default_factory=dict)
    """Settings of the product under test (`Settings`' fields) that differ from the environment's."""


class ToJudge(Value):
    """What metrics outside the kind are asked about a case; their names are those of `RAGAS`."""

    sample: Sample
    metrics: tuple[str, ...] = ()
    """Those that apply. Each of them counts in its average, whatever becomes of it."""
    lost: tuple[str, ...] = ()
    """Those that are 0 without asking: a question left open, a search that found nothing."""


class CaseResult(Value):
    """How one case went."""

    id: str
    scores: dict[str, float | None]
    """By metric; None where the metric does not apply to this case."""
    slices: dict[str, str] = Field(default_factory=dict)
    """What to group it by, e.g. {"domain": "bank"}."""
    evidence: dict[str, Any] = Field(default_factory=dict)
    """What a person wants to see to judge it: the question, what was expected, what came."""
    error: str | None = None
    """Why it could not be scored; it then counts as failed and is never left out of an average."""
    to_judge: ToJudge | None = None
    failed: dict[str, str] = Field(default_factory=dict)
    """By metric, why it gave no number; its score is then 0."""

    @property
    def problem(self) -> str | None:
        """What of it has no score, and why."""
        if self.error is not None:
            return self.error
        return "; ".join(f"{name}: {why}" for name, why in self.failed.items()) or None


class KindResult(Value):
    """How a run went."""

    figures: dict[str, float | None]
    """By name; None: not run, and `notes` says why."""
    cases: tuple[CaseResult, ...] = ()
    refused: tuple[Refusal, ...] = ()
    """Rows that could not be read, with file and line; the rest is scored."""
    notes: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    """The metrics that the cases' `to_judge` may name, in the order in which they are shown."""


class Kind(Protocol):
    """One kind of evaluation; a file in this folder each."""

    name: str
    """As the command line and suites call it, e.g. `next-action`."""

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        """Raises `InvalidInput` where nothing at all can be read."""


class CaseMemory(Protocol):
    """Cases that a run with the same system has finished, so that a killed run goes on where it stopped."""

    def recall(self, key: str) -> CaseResult | None: ...

    def keep(self, key: str, result: CaseResult) -> None: ...


@runtime_checkable
class ResumableKind(Kind, Protocol):
    """A kind that asks for finished cases, and keeps each one as soon as it is scored."""

    async def resume(
        self, options: KindOptions, on_progress: OnProgress, memory: CaseMemory
    ) -> KindResult: ...


@runtime_checkable
class JudgedKind(Kind, Protocol):
    """A kind with figures of its own over what was judged, beside the averages."""

    def judged_figures(self, cases: Sequence[CaseResult]) -> Mapping[str, float | None]: ...
