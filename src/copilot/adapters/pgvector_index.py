"""The vector index in PostgreSQL with pgvector: a table for each tenant and model, with a graph when large.

Everything here is derived, as in every other index. Tables of their own, because a filter by tenant over one
HNSW graph loses neighbours: of a tenant with one row in a hundred it finds few. A tenant of few rows is
compared row by row, which is exact and as quick.
"""

import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import orjson
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from copilot.adapters.pgvector_graph import Graph
from copilot.adapters.sql.database_url import shown
from copilot.adapters.sql.postgres_driver import READ, WRITE, begin_statement, make_engine
from copilot.adapters.sql.tenant_scope import EVERY_TENANT, working_for
from copilot.domain.errors import ConfigurationError, DependencyUnavailable
from copilot.ports import Vector, Vectors

Scored = list[tuple[str, float]]
"""(passage id, cosine), best first."""

SCHEMA = "copilot_index"
GRAPH_FROM = 10_000
"""Rows from which a table has a graph; until then a comparison with every row takes a few milliseconds."""
_GRAPH_KNOWN_SECONDS = 30
"""How long it is believed that a table has a graph or has none: other processes build and drop them."""
_OLDEST_PGVECTOR = (0, 8)
"""Whose searches go on until they have as many as were asked for."""
_LONGEST_PLAIN = 1_900
"""Dimensions of a vector that stays in its row's page."""
_WRITE_BATCH = 2_000
_CONNECTIONS = 8
_UNKNOWN_TABLE = "42P01"


class PgVectorIndex:
    """The PassageIndex port. Build with `open`; several processes may share a database."""

    def __init__(self, engine: AsyncEngine, model_id: str) -> None:
        self._engine = engine
        self._model = model_id
        self._graphs: dict[
            str, tuple[bool, float]
        ] = {}  # by table: whether it has one, and when it was asked

    @classmethod
    async def open(cls, url: URL, model_id: str) -> Self:
        """`ConfigurationError` where pgvector is missing, `DependencyUnavailable` where nobody answers."""
        index = cls(make_engine(url, _CONNECTIONS), model_id)
        try:
            with working_for(EVERY_TENANT):
                await index._prepare()
        except BaseException:
            await index.close()
            raise
        return index

    async def upsert(self, tenant_id: str, passage_ids: Sequence[str], vectors: Vectors) -> None:
        if not passage_ids:
            return
        table = self._table(tenant_id)
        statement = text(
            f"INSERT INTO {table} SELECT id, vector::vector FROM "  # noqa: S608 - our own name
            "unnest(CAST(:ids AS text[]), CAST(:vectors AS text[])) AS given(id, vector) "
            "ON CONFLICT (id) DO UPDATE SET vector = excluded.vector"
        )
        async with self._transaction(tenant_id, WRITE) as connection:
            await self._make(connection, tenant_id, table, vectors.shape[1])
            for start in range(0, len(passage_ids), _WRITE_BATCH):
                part = slice(start, start + _WRITE_BATCH)
                rows = {"ids": list(passage_ids[part]), "vectors": [_written(v) for v in vectors[part]]}
                await connection.execute(statement, rows)

    async def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None:
        statement = f"DELETE FROM {self._table(tenant_id)} WHERE id = ANY(CAST(:ids AS text[]))"  # noqa: S608
        await self._ask(tenant_id, WRITE, statement, {"ids": list(passage_ids)})

    async def nearest(self, tenant_id: str, vector: Vector, limit: int) -> Scored:
        table = self._table(tenant_id)
        # A query of its own, or the text would be read anew for every row that is compared.
        asked = "(SELECT CAST(:vector AS vector))"
        search = f"SELECT id, 1 - (vector <=> {asked}) FROM {table} ORDER BY vector <=> {asked} LIMIT {limit}"  # noqa: S608
        settings = ""
        if await self._has_graph(tenant_id, table):
            graph = Graph(table, len(vector))
            search, settings = graph.search(limit), graph.settings(limit)
        rows = await self._ask(tenant_id, READ, search, {"vector": _written(vector)}, settings)
        return [(row[0], row[1]) for row in rows]

    async def settle(self, tenant_id: str) -> None:
        """Builds the graph of a tenant that has grown large without one; later rows go into it one by one."""
        table = self._table(tenant_id)
        if await self._has_graph(tenant_id, table):
            return
        rows = await self.count(tenant_id)
        if rows < GRAPH_FROM:
            return
        async with self._translated():
            dimensions = await self._dimensions(tenant_id, table)
            async with self._engine.connect() as connection:
                try:
                    await Graph(table, dimensions).build(connection, rows)
                finally:
                    # With it go its settings and its lock.
                    await connection.invalidate()
        self._graphs.pop(table, None)

    async def count(self, tenant_id: str) -> int:
        rows = await self._ask(tenant_id, READ, f"SELECT count(*) FROM {self._table(tenant_id)}")  # noqa: S608
        return rows[0][0] if rows else 0

    async def ids(self, tenant_id: str) -> set[str]:
        rows = await self._ask(tenant_id, READ, f"SELECT id FROM {self._table(tenant_id)}")  # noqa: S608
        return {row[0] for row in rows}

    async def drop(self, tenant_id: str) -> None:
        table = self._table(tenant_id)
        self._graphs.pop(table, None)
        async with self._transaction(tenant_id, WRITE) as connection:
            await connection.execute(text(f"DROP TABLE IF EXISTS {table}"))

    async def close(self) -> None:
        """Ends the connections. The index cannot be used afterwards."""
        await self._engine.dispose()

    async def _prepare(self) -> None:
        async with self._transaction(EVERY_TENANT, WRITE) as connection:
            version = text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            found = await connection.scalar(version)
            if found is None:
                await connection.execute(text("CREATE EXTENSION vector"))
                found = await connection.scalar(version)
            if tuple(int(part) for part in str(found).split(".")[:2]) < _OLDEST_PGVECTOR:
                raise ConfigurationError(
                    f"pgvector {found} is too old; 0.8 or newer is needed.",
                    where=shown(self._engine.url),
                    hint="Install a newer one, and run ALTER EXTENSION vector UPDATE.",
                )
            schema = text("SELECT count(*) FROM pg_namespace WHERE nspname = :name")
            if not await connection.scalar(schema, {"name": SCHEMA}):
                await connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))

    async def _make(self, connection: AsyncConnection, tenant_id: str, table: str, dimensions: int) -> None:
        """The tenant's table, which its rows' owner alone may read: forced on whoever made it too."""
        if await connection.scalar(text("SELECT to_regclass(:table) IS NOT NULL"), {"table": table}):
            return
        # Two who make it at once: the second waits, and finds it made.
        await connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:table, 0))"), {"table": table}
        )
        # Asked of the catalogue, because `to_regclass` would repeat what it answered before the wait.
        there = text("SELECT count(*) FROM pg_tables WHERE schemaname || '.' || tablename = :table")
        if await connection.scalar(there, {"table": table}):
            return
        vectors = f"vector({dimensions}) STORAGE {'PLAIN' if dimensions <= _LONGEST_PLAIN else 'EXTERNAL'}"
        literal = tenant_id.replace("'", "''")
        allowed = f"current_setting('copilot.tenant', true) IN ('{literal}', '*')"
        for statement in (
            f'CREATE TABLE {table} (id TEXT COLLATE "C" PRIMARY KEY, vector {vectors} NOT NULL)',
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY of_its_tenant ON {table} USING ({allowed})",
        ):
            await connection.exec_driver_sql(statement.replace("%", "%%"))

    async def _has_graph(self, tenant_id: str, table: str) -> bool:
        known = self._graphs.get(table)
        now = time.monotonic()
        if known is None or now - known[1] > _GRAPH_KNOWN_SECONDS:
            async with self._transaction(tenant_id, READ) as connection:
                known = await Graph(table, 0).is_there(connection), now
            self._graphs[table] = known
        return known[0]

    async def _dimensions(self, tenant_id: str, table: str) -> int:
        rows = await self._ask(tenant_id, READ, f"SELECT vector_dims(vector) FROM {table} LIMIT 1")  # noqa: S608
        return rows[0][0] if rows else 0

    async def _ask(
        self,
        tenant_id: str,
        mode: str,
        statement: str,
        values: dict[str, Any] | None = None,
        settings: str = "",
    ) -> Sequence[Any]:
        """No rows where the tenant has no table yet."""
        try:
            async with self._transaction(tenant_id, mode, settings) as connection:
                result = await connection.execute(text(statement), values or {})
                return result.all() if result.returns_rows else []
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) == _UNKNOWN_TABLE:
                return []
            raise

    @asynccontextmanager
    async def _transaction(
        self, tenant_id: str, mode: str, settings: str = ""
    ) -> AsyncIterator[AsyncConnection]:
        """`settings` hold as long as it does, and cost no round trip."""
        with working_for(tenant_id):
            begin = begin_statement(mode)
        async with self._translated(), self._engine.connect() as connection:
            await connection.exec_driver_sql(f"{begin}; {settings}" if settings else begin)
            yield connection
            await connection.commit()

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) == _UNKNOWN_TABLE:
                raise
            raise ConfigurationError(
                f"cannot keep the vectors here: {error.orig}",
                where=shown(self._engine.url),
                hint="Let a superuser run CREATE EXTENSION vector, and `copilot migrate --grant ROLE`.",
            ) from error
        except DBAPIError as error:
            raise DependencyUnavailable(
                f"the vector index failed: {error.orig}",
                where=shown(self._engine.url),
                hint="Check PostgreSQL; nothing is lost, `copilot reindex` makes the index again.",
            ) from error

    def _table(self, tenant_id: str) -> str:
        """Vectors of two models are never compared. A hash, because a name in SQL cannot be a parameter."""
        digest = hashlib.sha256(f"{tenant_id}\n{self._model}".encode()).hexdigest()
        return f"{SCHEMA}.vectors_{digest[:24]}"


def _written(vector: Vector) -> str:
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()
