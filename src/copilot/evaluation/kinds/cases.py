"""Scoring cases side by side, and what their scores come to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from copilot.domain.errors import CopilotError
from copilot.evaluation.kinds.kind import CaseMemory, CaseResult, OnProgress

_log = logging.getLogger(__name__)
AT_ONCE = 4


class Case(Protocol):
    """What is scored: its `id` names it in reports, `key` changes whenever its score might."""

    @property
    def id(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def slices(self) -> dict[str, str]: ...


CaseT = TypeVar("CaseT", bound=Case)
ValueT = TypeVar("ValueT")


class Forgetful(Generic[ValueT]):
    """Remembers nothing: every case is scored anew."""

    def recall(self, key: str) -> ValueT | None:  # noqa: ARG002 - the port's shape
        return None

    def keep(self, key: str, result: ValueT) -> None: ...

    def close(self) -> None: ...


async def score_all(
    cases: Sequence[CaseT],
    score: Callable[[CaseT], Awaitable[CaseResult]],
    on_progress: OnProgress,
    memory: CaseMemory,
    *,
    at_once: int = AT_ONCE,
) -> list[CaseResult]:
    """In the order of `cases`, `at_once` of them together; whatever a case raises is that case's error."""
    slots = asyncio.Semaphore(at_once)
    done = 0

    async def one(case: CaseT) -> CaseResult:
        nonlocal done
        result = memory.recall(case.key)
        if result is None:
            async with slots:
                result = await _scored(case, score)
            if result.error is None:
                memory.keep(case.key, result)
        done += 1
        on_progress(done, len(cases))
        return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(case)) for case in cases]
    return [task.result() for task in tasks]


async def _scored(case: CaseT, score: Callable[[CaseT], Awaitable[CaseResult]]) -> CaseResult:
    try:
        return await score(case)
    except CopilotError as error:
        return CaseResult(id=case.id, scores={}, slices=case.slices, error=str(error))
    except Exception as error:  # noqa: BLE001 - one case must not cost the others
        _log.debug("case %s could not be scored", case.id, exc_info=True)
        return CaseResult(id=case.id, scores={}, slices=case.slices, error=f"{type(error).__name__}: {error}")


def mean(cases: Sequence[CaseResult], metric: str, **slices: str) -> float | None:
    """Over the cases that `metric` applies to, in the slices that are named; one with an error counts 0.

    None when it applies to none.
    """
    chosen = [c for c in cases if all(c.slices.get(name) == value for name, value in slices.items())]
    if chosen and all(c.error is not None for c in chosen):
        return 0.0
    if all(c.scores.get(metric) is None for c in chosen):
        return None
    values = [0.0 if c.error is not None else c.scores.get(metric) for c in chosen]
    return float(np.mean([value for value in values if value is not None]))


def percentile(cases: Sequence[CaseResult], metric: str, share: float) -> float | None:
    known = [value for c in cases if (value := c.scores.get(metric)) is not None]
    return float(np.percentile(known, share)) if known else None


def rounded(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    """To what a person can compare."""
    return {name: None if value is None else round(float(value), 4) for name, value in figures.items()}
