"""Asks every dependency again and again in the background, so that nobody who wants to know has to wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from copilot.domain.errors import CopilotError
from copilot.ports import Clock
from copilot.ports.tasks import ended

Ask = Callable[[], Awaitable[None]]
"""Raises when the dependency it stands for is gone."""


@dataclass(frozen=True)
class Probe:
    """One dependency; without one that is not `required` the service still works, if less well. Seconds."""

    name: str
    ask: Ask
    required: bool = True
    every: float = 1.0
    timeout: float = 1.5


@dataclass(frozen=True)
class ProbeState:
    """How a dependency is, and since when; `milliseconds` is what it took to answer."""

    name: str
    ok: bool
    required: bool
    since: datetime
    milliseconds: float = 0.0
    problem: str | None = None


@dataclass(frozen=True)
class ProbeLimits:
    """A dependency is gone when it failed so often in a row: a single slow answer empties no load balancer.

    With a probe's own times that is 4.1 s after it fell silent, and 1.1 s after it refuses.
    """

    failures: int = 2
    soon: float = 0.1
    """Until it is asked again after a failure, in seconds."""
    stale: float = 5.0
    """After so long without any verdict a dependency counts as gone, beyond its own `every`."""


class Probes:
    """One per process. `states` and `ready` never wait."""

    def __init__(self, probes: Sequence[Probe], clock: Clock, limits: ProbeLimits | None = None) -> None:
        self._probes = probes
        self._clock = clock
        self._limits = limits or ProbeLimits()
        now, tick = clock.now(), time.monotonic()
        self._states = {
            p.name: ProbeState(p.name, False, p.required, now, problem="not asked yet") for p in probes
        }
        self._judged = {p.name: tick for p in probes}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def states(self) -> list[ProbeState]:
        return [self._fresh(probe) for probe in self._probes]

    @property
    def ready(self) -> bool:
        return all(state.ok for state in self.states if state.required)

    async def start(self) -> None:
        """Asks each once, then goes on in the background."""
        await asyncio.gather(*(self._judge(probe, patience=1) for probe in self._probes))
        self._tasks = [
            asyncio.create_task(self._watch(probe), name=f"probe {probe.name}") for probe in self._probes
        ]

    async def stop(self) -> None:
        await ended(*self._tasks)

    async def _watch(self, probe: Probe) -> None:
        while True:
            await asyncio.sleep(probe.every)
            await self._judge(probe, patience=self._limits.failures)

    async def _judge(self, probe: Probe, *, patience: int) -> None:
        """Asks until it answers or has failed `patience` times."""
        for attempt in range(1, patience + 1):
            milliseconds, problem = await _asked(probe)
            if problem is None or attempt == patience:
                self._note(probe, milliseconds, problem)
                return
            await asyncio.sleep(self._limits.soon)

    def _note(self, probe: Probe, milliseconds: float, problem: str | None) -> None:
        before, ok = self._states[probe.name], problem is None
        since = before.since if before.ok == ok else self._clock.now()
        self._states[probe.name] = ProbeState(probe.name, ok, probe.required, since, milliseconds, problem)
        self._judged[probe.name] = time.monotonic()

    def _fresh(self, probe: Probe) -> ProbeState:
        """What is known, unless that is so old that it says nothing any more."""
        state = self._states[probe.name]
        silent = time.monotonic() - self._judged[probe.name]
        if state.ok and silent > probe.every + self._limits.stale:
            problem = f"no verdict for {silent:.0f} s"
            return ProbeState(probe.name, False, probe.required, state.since, state.milliseconds, problem)
        return state


async def _asked(probe: Probe) -> tuple[float, str | None]:
    """(milliseconds, what is wrong); of an error that is not ours its class alone, details stay inside."""
    started, problem = time.perf_counter(), None
    try:
        # Waited for from outside: what takes no notice of being cancelled holds up nobody.
        asking = asyncio.ensure_future(probe.ask())
        done, _ = await asyncio.wait([asking], timeout=probe.timeout)
        if not done:
            asking.cancel()
            asking.add_done_callback(_heard)
            problem = f"no answer within {probe.timeout:g} s"
        else:
            asking.result()
    except CopilotError as error:
        problem = error.message
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - any failure means: gone
        problem = type(error).__name__
    return round((time.perf_counter() - started) * 1000, 2), problem


def _heard(asking: "asyncio.Future[None]") -> None:
    """So that a late failure is not reported as one that nobody looked at."""
    with suppress(asyncio.CancelledError, Exception):
        asking.result()
