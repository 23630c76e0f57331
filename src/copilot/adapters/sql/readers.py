"""Reading without ceremony, for what a search waits for: several statements in one visit to a thread."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from copilot.adapters.sql.unanswered import FILE_HINT, unanswered

T = TypeVar("T")

_THREADS = 3
_BUSY_SECONDS = 10.0


class Readers:
    """Threads that each have a connection of their own, which cannot write.

    They are a search's own: what a turn reads never waits behind the words of a large collection.
    A statement through the asynchronous driver costs half a dozen changes of thread; a visit here costs two,
    however many statements it runs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(_THREADS, "sqlite-search")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._open: list[sqlite3.Connection] = []

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """What `call` returns; its statements are each consistent by themselves."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._visit, call)
        except sqlite3.OperationalError as error:
            raise unanswered(error, FILE_HINT) from error

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        while self._open:
            self._open.pop().close()

    def _visit(self, call: Callable[[sqlite3.Connection], T]) -> T:
        if (connection := getattr(self._own, "connection", None)) is None:
            connection = self._own.connection = self._connected()
        return call(connection)

    def _connected(self) -> sqlite3.Connection:
        # `close` is called on another thread, when these have ended.
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        for pragma in ("query_only = ON", "cache_size = -32768", f"mmap_size = {2**30}"):
            connection.execute(f"PRAGMA {pragma}")
        with self._lock:
            self._open.append(connection)
        return connection
