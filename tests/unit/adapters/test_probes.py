"""Dependencies asked in the background: gone within five seconds, back by themselves, and nobody waits."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.probes import Probe, ProbeLimits, Probes
from copilot.domain.errors import DependencyUnavailable

NOW = datetime(2026, 11, 26, 19, 0, tzinfo=UTC)
QUICK = {"every": 0.02, "timeout": 0.05}


class Dependency:
    """Answers, refuses, or says nothing, as a test wants it."""

    def __init__(self):
        self.mood = "well"
        self.asked = 0

    async def ask(self):
        self.asked += 1
        if self.mood == "gone":
            raise DependencyUnavailable("the database did not answer.")
        if self.mood == "silent":
            await asyncio.sleep(60)
        if self.mood == "deaf":  # takes no notice of being cancelled
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0.2)
        if self.mood == "odd":
            raise OSError("/secret/path of mia@example.com")


@pytest.fixture
async def watched():
    started = []

    async def watch(*probes, limits=None):
        clock = FixedClock(NOW)
        made = Probes(probes, clock, limits or ProbeLimits(soon=0.01))
        await made.start()
        started.append(made)
        return made, clock

    yield watch
    for made in started:
        await made.stop()


async def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("mood", ["gone", "silent", "deaf", "odd"])
async def test_what_goes_is_noticed_and_what_comes_back_too(watched, mood):
    database = Dependency()
    probes, clock = await watched(Probe("database", database.ask, **QUICK))
    assert probes.ready
    clock.forward(timedelta(hours=1))
    database.mood = mood
    await until(lambda: not probes.ready)
    (state,) = probes.states
    assert state.since == clock.now()
    assert state.problem
    assert "mia" not in state.problem

    database.mood = "well"
    await until(lambda: probes.ready)
    assert probes.states[0].problem is None


async def test_one_slow_answer_is_not_the_end(watched):
    database = Dependency()
    asks = 0

    async def slow_once():
        nonlocal asks
        asks += 1
        await asyncio.sleep(60 if asks == 2 else 0)

    probes, _ = await watched(Probe("database", slow_once, **QUICK), Probe("other", database.ask, **QUICK))
    while asks < 6:
        assert probes.ready
        await asyncio.sleep(0.005)


async def test_a_dependency_that_hangs_holds_up_no_other(watched):
    index, database = Dependency(), Dependency()
    probes, _ = await watched(
        Probe("index", index.ask, every=0.02, timeout=30), Probe("database", database.ask, **QUICK)
    )
    index.mood = "silent"
    database.mood = "gone"
    await until(lambda: [s.ok for s in probes.states] == [True, False])


async def test_without_what_is_not_required_the_service_is_ready_all_the_same(watched):
    model = Dependency()
    model.mood = "gone"
    probes, _ = await watched(Probe("llm", model.ask, required=False, **QUICK))
    assert probes.ready
    assert not probes.states[0].ok


async def test_a_verdict_that_is_too_old_is_none(watched):
    index = Dependency()
    limits = ProbeLimits(stale=0.05)
    probes, _ = await watched(Probe("index", index.ask, every=0.02, timeout=30), limits=limits)
    index.mood = "silent"
    await until(lambda: not probes.ready)
    assert "no verdict" in probes.states[0].problem


def test_with_its_own_times_a_silent_dependency_is_gone_within_five_seconds():
    probe, limits = Probe("database", None), ProbeLimits()
    worst = probe.every + limits.failures * probe.timeout + (limits.failures - 1) * limits.soon
    assert worst < 5
