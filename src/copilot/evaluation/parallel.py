"""Several suites, in this process or in a few of their own."""

import asyncio
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from queue import Empty
from typing import TYPE_CHECKING, Any

from copilot.evaluation.baselines import Baseline
from copilot.evaluation.cache import ResultCache
from copilot.evaluation.outcome import SuiteOutcome
from copilot.evaluation.runner import Runner
from copilot.evaluation.suites import LoadedSuite

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

OnSuite = Callable[[str, int, int], None]
"""Called with a suite's name, its cases done, and of how many."""
_POLL_SECONDS = 0.1
_progress: "Queue[tuple[str, int, int]] | None" = None
"""In a worker process: where it tells how far it is."""


async def run_suites(
    suites: Sequence[LoadedSuite],
    baselines: Mapping[str, Baseline],
    cache: ResultCache | None,
    on_progress: OnSuite,
    jobs: int = 1,
) -> list[SuiteOutcome]:
    """In the order of `suites`. With `jobs` above 1 each runs in a process, so many at once."""
    if jobs == 1 or len(suites) == 1:
        outcomes = []
        for loaded in suites:
            name = loaded.suite.name
            told = _teller(on_progress, name)
            outcomes.append(await Runner(cache).run(loaded, baselines.get(name), told))
        return outcomes
    return await _in_processes(suites, baselines, cache, on_progress, jobs)


async def _in_processes(
    suites: Sequence[LoadedSuite],
    baselines: Mapping[str, Baseline],
    cache: ResultCache | None,
    on_progress: OnSuite,
    jobs: int,
) -> list[SuiteOutcome]:
    # A fresh interpreter each: threads of the model and of SQLite do not survive a fork.
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(told,)) as pool:
        loop = asyncio.get_running_loop()
        running = [
            loop.run_in_executor(pool, _run_one, loaded, baselines.get(loaded.suite.name), cache)
            for loaded in suites
        ]
        gathered = asyncio.gather(*running)
        while not gathered.done():
            await asyncio.wait([gathered], timeout=_POLL_SECONDS)
            with suppress(Empty):
                while True:
                    on_progress(*told.get_nowait())
        return await gathered


def _begin(told: "Queue[tuple[str, int, int]]") -> None:
    global _progress  # noqa: PLW0603 - a worker process has no other place for it
    _progress = told


def _run_one(loaded: LoadedSuite, baseline: Baseline | None, cache: ResultCache | None) -> SuiteOutcome:
    def tell(done: int, total: int) -> None:
        if _progress is not None:
            _progress.put((loaded.suite.name, done, total))

    return asyncio.run(Runner(cache).run(loaded, baseline, tell))


def _teller(on_progress: OnSuite, name: str) -> Callable[[int, int], None]:
    return lambda done, total: on_progress(name, done, total)
