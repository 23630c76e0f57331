"""The SQL database that holds the truth: SQLite in WAL mode, one writer at a time, many readers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from copilot.adapters.sql import versions
from copilot.adapters.sql.readers import Readers
from copilot.adapters.sql.unanswered import FILE_HINT, unanswered
from copilot.domain.errors import ConfigurationError

T = TypeVar("T")

metadata = MetaData()
"""Every table of the product; the modules beside this one define them."""

_BUSY_MILLISECONDS = 10_000
_READERS = 4
_QUICK_READERS = 2


class Database:
    """Transactions on one SQLite file. Build with `open`."""

    _write_failed = False
    """Whether the last write did: a full disk is read as well as any."""

    def __init__(
        self,
        reader: AsyncEngine,
        peeker: AsyncEngine,
        writer: AsyncEngine,
        quick_reader: Engine,
        quick_writer: Engine,
        readers: Readers,
    ) -> None:
        self.readers = readers
        self._reader = reader
        self._peeker = peeker
        self._writer = writer
        self._is_durable = False  # of the one connection that writes, as `_engine` opens it
        self._quick_reader = quick_reader
        self._quick_writer = quick_writer
        self._read_threads = ThreadPoolExecutor(_QUICK_READERS, "sqlite-reader")
        self._write_thread = ThreadPoolExecutor(1, "sqlite-writer")
        # One writer at a time: who waits here waits fairly, where SQLite would have them try again and again.
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens or makes the file with this version's tables. `ConfigurationError` when it cannot."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database = cls(
                reader=_engine(path, begin="BEGIN", size=_READERS),
                peeker=_engine(path, begin=None, size=_READERS),
                writer=_engine(path, begin="BEGIN IMMEDIATE", size=1),
                readers=Readers(path),
                quick_reader=_quick_engine(path, "BEGIN", _QUICK_READERS),
                quick_writer=_quick_engine(path, "BEGIN IMMEDIATE", 1),
            )
            try:
                async with database._writer.begin() as connection:
                    await connection.run_sync(_prepare)
            except BaseException:
                await database.close()
                raise
        except (DBAPIError, OSError) as error:
            raise ConfigurationError(
                f"cannot open the database: {error}",
                where=str(path),
                hint="Check that the folder is writable and the file is a database of this product.",
            ) from error
        return database

    async def check(self) -> None:
        """`DependencyUnavailable` when it does not answer, or takes no writes since the last one failed."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))
        if self._write_failed:
            async with self.write() as connection:
                await connection.execute(text("PRAGMA user_version = 0"))  # a number that nobody uses

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read transaction: one consistent view."""
        with _translated():
            async with self._reader.begin() as connection:
                yield connection

    @asynccontextmanager
    async def peek(self) -> AsyncIterator[AsyncConnection]:
        """For single statements, each consistent by itself: saves the round trips of a transaction."""
        with _translated():
            async with self._peeker.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self, *, durable: bool = False) -> AsyncIterator[AsyncConnection]:
        """A write transaction, alone among writers; committed unless the block raises.

        `durable` waits until the disk has it (money); else a power cut, not a crash, may lose the last ones.
        """
        with _translated(), self._noting_failures():
            async with self._writing, self._writer.connect() as connection:
                if durable != self._is_durable:
                    raw = await connection.get_raw_connection()
                    mode = "FULL" if durable else "NORMAL"
                    await raw.driver_connection.execute(f"PRAGMA synchronous = {mode}")  # type: ignore[union-attr]
                    self._is_durable = durable
                async with connection.begin():
                    yield connection

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """`work` as one write transaction like those of `write`, without durability.

        All its statements run on the writer's thread in one go, which saves a change of threads for each:
        what every turn of every conversation does is written so.
        """

        def run() -> T:
            with self._quick_writer.begin() as connection:
                return work(connection)

        with _translated(), self._noting_failures():
            async with self._writing:
                return await asyncio.get_running_loop().run_in_executor(self._write_thread, run)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """`work` as one read transaction like those of `read`, on one thread in one go, like `transact`."""

        def run() -> T:
            with self._quick_reader.begin() as connection:
                return work(connection)

        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._read_threads, run)

    @contextmanager
    def _noting_failures(self) -> Iterator[None]:
        try:
            yield
        except OperationalError:
            self._write_failed = True
            raise
        self._write_failed = False

    async def close(self) -> None:
        await self.readers.close()
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._quick_writer.dispose()
        self._quick_reader.dispose()
        await self._reader.dispose()
        await self._peeker.dispose()
        await self._writer.dispose()


def _prepare(connection: Connection) -> None:
    found = versions.current(connection)
    if found == versions.HEAD:
        return
    if found is not None or inspect(connection).get_table_names():
        versions.migrate(connection)
        return
    from copilot.adapters.sql import schema  # noqa: PLC0415 - its modules need this one

    schema.metadata.create_all(connection)
    versions.stamp(connection)


@contextmanager
def _translated() -> Iterator[None]:
    """Turns a vendor error into ours, once."""
    try:
        yield
    except OperationalError as error:
        raise unanswered(error.orig or error, FILE_HINT) from error


def _quick_engine(path: Path, begin: str, size: int) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )
    _configure_each(engine, begin)
    return engine


def _engine(path: Path, *, begin: str | None, size: int) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        pool_size=size,
        max_overflow=0,
        pool_timeout=_BUSY_MILLISECONDS / 1000,
        pool_reset_on_return="rollback" if begin else None,
    )

    _configure_each(engine.sync_engine, begin)
    return engine


def _configure_each(engine: Engine, begin: str | None) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
        connection.isolation_level = None  # we begin transactions ourselves
        for pragma in (
            f"busy_timeout = {_BUSY_MILLISECONDS}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
            "cache_size = -32768",
        ):
            connection.execute(f"PRAGMA {pragma}")

    if begin is not None:

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:  # noqa: ANN401
            connection.exec_driver_sql(begin)
