"""The SQL database that holds the truth: SQLite in WAL mode, one writer at a time, many readers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import MetaData, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from copilot.adapters.sql.readers import Readers
from copilot.domain.errors import ConfigurationError, DependencyUnavailable

metadata = MetaData()
"""Every table of the product; the modules beside this one define them."""

_BUSY_MILLISECONDS = 10_000
_READERS = 4


class Database:
    """Transactions on one SQLite file. Build with `open`."""

    def __init__(
        self, reader: AsyncEngine, peeker: AsyncEngine, writer: AsyncEngine, readers: Readers
    ) -> None:
        self.readers = readers
        self._reader = reader
        self._peeker = peeker
        self._writer = writer
        self._is_durable = False  # of the one connection that writes, as `_engine` opens it

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens or makes the file and any table that is missing. `ConfigurationError` when it cannot."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database = cls(
                reader=_engine(path, begin="BEGIN", size=_READERS),
                peeker=_engine(path, begin=None, size=_READERS),
                writer=_engine(path, begin="BEGIN IMMEDIATE", size=1),
                readers=Readers(path),
            )
            async with database._writer.begin() as connection:
                await connection.run_sync(metadata.create_all)
        except (DBAPIError, OSError) as error:
            raise ConfigurationError(
                f"cannot open the database: {error}",
                where=str(path),
                hint="Check that the folder is writable and the file is a database of this product.",
            ) from error
        return database

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
        with _translated():
            async with self._writer.connect() as connection:
                if durable != self._is_durable:
                    raw = await connection.get_raw_connection()
                    mode = "FULL" if durable else "NORMAL"
                    await raw.driver_connection.execute(f"PRAGMA synchronous = {mode}")  # type: ignore[union-attr]
                    self._is_durable = durable
                async with connection.begin():
                    yield connection

    async def close(self) -> None:
        await self.readers.close()
        await self._reader.dispose()
        await self._peeker.dispose()
        await self._writer.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    """Turns a vendor error into ours, once."""
    try:
        yield
    except OperationalError as error:
        raise DependencyUnavailable(
            f"the database did not answer: {error.orig}",
            hint="Check disk space and that no other process holds it.",
        ) from error


def _engine(path: Path, *, begin: str | None, size: int) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        pool_size=size,
        max_overflow=0,
        pool_timeout=_BUSY_MILLISECONDS / 1000,
        pool_reset_on_return="rollback" if begin else None,
    )

    @event.listens_for(engine.sync_engine, "connect")
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

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:  # noqa: ANN401
            connection.exec_driver_sql(begin)

    return engine
