"""The SQL database that holds the truth, on PostgreSQL: many writers, from any number of processes."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self, TypeVar

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from copilot.adapters.sql import versions
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.database_url import shown
from copilot.adapters.sql.grants import withheld
from copilot.adapters.sql.postgres_driver import READ, WRITE, begin_statement, make_engine
from copilot.adapters.sql.tenant_scope import EVERY_TENANT, working_for
from copilot.adapters.sql.unanswered import unanswered
from copilot.domain.errors import ConfigurationError, DependencyUnavailable

T = TypeVar("T")

_CONNECTIONS = 16


class PostgresDatabase(Database):
    """The same transactions as on SQLite, but writers are not alone: what is read to be written is locked.

    Every commit waits for the disk: PostgreSQL, unlike SQLite, would lose unwritten ones when it is killed.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    async def connect(cls, url: URL, *, connections: int = _CONNECTIONS) -> Self:
        """`ConfigurationError` when its schema is not ours or its tables are withheld from us.

        `DependencyUnavailable` when nobody answers.
        """
        database = cls(make_engine(url, connections))
        try:
            with working_for(EVERY_TENANT):
                async with database.read() as connection:
                    await connection.run_sync(_check)
        except BaseException:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._transaction(begin_statement(READ)) as connection:
            yield connection

    @asynccontextmanager
    async def peek(self) -> AsyncIterator[AsyncConnection]:
        """A transaction too: row-level security is told of the tenant there."""
        async with self.read() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, durable: bool = False) -> AsyncIterator[AsyncConnection]:
        async with self._transaction(begin_statement(WRITE, durable=durable)) as connection:
            yield connection

    async def transact(self, work: Callable[[Connection], T]) -> T:
        async with self.write() as connection:
            return await connection.run_sync(work)

    async def look(self, work: Callable[[Connection], T]) -> T:
        async with self.read() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[AsyncConnection]:
        with _translated(self._engine):
            async with self._engine.connect() as connection:
                await connection.exec_driver_sql(begin)
                yield connection
                await connection.commit()  # left by an error, the connection is rolled back instead


def _check(connection: Connection) -> None:
    if tables := withheld(connection):  # first: the revision may be withheld too
        role = connection.scalar(text("SELECT current_user"))
        raise ConfigurationError(
            f"the role {role!r} may not work with the tables {', '.join(tables)}.",
            where=shown(connection.engine.url),
            hint=f"Run `copilot migrate --grant {role}` as the owner of its tables.",
        )
    found = versions.current(connection)
    if found is None or found < versions.HEAD:
        raise versions.older(connection, found)
    if found > versions.HEAD:
        raise versions.newer(connection, found)


@contextmanager
def _translated(engine: AsyncEngine) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise _unavailable(engine, error) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _unavailable(engine, error) from error
        raise


def _unavailable(engine: AsyncEngine, error: DBAPIError) -> DependencyUnavailable:
    hint = "Check that PostgreSQL runs and takes connections."
    return unanswered(error.orig or error, hint, where=shown(engine.url))
