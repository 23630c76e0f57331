"""Something asynchronous that stays up while a test that is not goes on."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_background(context: AbstractAsyncContextManager[T], seconds: float = 300) -> Iterator[T]:
    """Entered and left in a thread with a loop of its own: a browser's driver has this thread's."""
    ready, done = threading.Event(), threading.Event()
    found: list[T] = []
    failed: list[BaseException] = []

    async def hold() -> None:
        async with context as made:
            found.append(made)
            ready.set()
            await asyncio.to_thread(done.wait)

    def run() -> None:
        try:
            asyncio.run(hold())
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(seconds), "it was not up in time"
        if failed:
            raise failed[0]
        yield found[0]
    finally:
        done.set()
        thread.join(30)
