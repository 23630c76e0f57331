"""Runs blocking work on few threads, together for all callers that wait at the same moment."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from copilot.domain.errors import DependencyUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

_NOW, _LATER, _STOP = range(3)
"""Lower goes first; of the same, what came first."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    future: "Future[Result]"


class MicroBatcher(Generic[Item, Result]):
    """`submit` from any event loop; `work` gets 1 to `limit` items and returns as many results.

    A lone item starts at once: batches form only while the threads are busy, so nobody waits for company.
    What is submitted for `later` waits for everything else, in batches of its own.
    An error in `work` reaches every caller of that batch; `DependencyUnavailable` after `close`.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], *, limit: int, name: str, threads: int = 1
    ) -> None:
        self._work = work
        self._limit = limit
        self._name = name
        self._queue: queue.PriorityQueue[tuple[int, int, _Waiting[Item, Result] | None]] = (
            queue.PriorityQueue()
        )
        self._numbers = count()
        self._lock = threading.Lock()
        self._wanted = threads
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def submit(self, item: Item, *, later: bool = False) -> Result:
        return await asyncio.wrap_future(self.put(item, later=later))

    def put(self, item: Item, *, later: bool = False) -> "Future[Result]":
        """The result to come; cancelling it spares the work if that has not begun."""
        future: Future[Result] = Future()
        with self._lock:
            if self._closed:
                raise self._closed_error()
            if len(self._threads) < self._wanted:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._queue.put((_LATER if later else _NOW, next(self._numbers), _Waiting(item, future)))
        return future

    def waiting(self) -> int:
        """How many items no thread has begun on."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish the batches at work, refuse what waits, stop the threads."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        for _ in threads:
            self._queue.put((_STOP, next(self._numbers), None))
        for thread in threads:
            thread.join()

    def _run(self) -> None:
        while True:
            rank, _, first = self._queue.get()
            if first is None:
                return
            self._serve([first, *self._company(rank)])

    def _company(self, rank: int) -> Iterator[_Waiting[Item, Result]]:
        """What waits with the same urgency, as far as it fits into the batch of the one that is taken."""
        for _ in range(self._limit - 1):
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return
            if entry[0] != rank or entry[2] is None or self._closed:
                self._queue.put(entry)
                return
            yield entry[2]

    def _serve(self, batch: list[_Waiting[Item, Result]]) -> None:
        if self._closed:
            for waiting in batch:
                if waiting.future.set_running_or_notify_cancel():
                    waiting.future.set_exception(self._closed_error())
            return
        # A caller that gave up while it waited costs nothing.
        live = [waiting for waiting in batch if waiting.future.set_running_or_notify_cancel()]
        if not live:
            return
        try:
            results = self._work([waiting.item for waiting in live])
        except BaseException as error:  # noqa: BLE001 - it belongs to the callers, not to this thread
            for waiting in live:
                waiting.future.set_exception(error)
        else:
            for waiting, result in zip(live, results, strict=True):
                waiting.future.set_result(result)

    def _closed_error(self) -> DependencyUnavailable:
        return DependencyUnavailable("it was closed: the server is shutting down.", where=self._name)
