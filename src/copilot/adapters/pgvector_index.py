"""The vector index in PostgreSQL with pgvector: a table for each tenant and model, with a graph when large.

Everything here is derived, as in every other index. Tables of their own, because a filter by tenant over one
HNSW graph loses neighbours: of a tenant with one row in a hundred it finds few. A tenant of few rows is
compared row by row, which is exact and as quick.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import orjson
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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
_GRAPH = "m = 16, ef_construction = 100"
_BUILD_MEMORY = "512MB"
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
        self._small: dict[str, int] = {}  # rows at most, of tables without a graph as far as we know

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
            await self._grow(connection, table, len(passage_ids))

    async def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None:
        statement = f"DELETE FROM {self._table(tenant_id)} WHERE id = ANY(CAST(:ids AS text[]))"  # noqa: S608
        await self._ask(tenant_id, WRITE, statement, {"ids": list(passage_ids)})

    async def nearest(self, tenant_id: str, vector: Vector, limit: int) -> Scored:
        # A query of its own, or the text would be read anew for every row that is compared.
        asked = "(SELECT CAST(:vector AS vector))"
        statement = (
            f"SELECT id, 1 - (vector <=> {asked}) FROM {self._table(tenant_id)} "  # noqa: S608
            f"ORDER BY vector <=> {asked} LIMIT :limit"
        )
        rows = await self._ask(tenant_id, READ, statement, {"vector": _written(vector), "limit": limit})
        return [(row[0], row[1]) for row in rows]

    async def count(self, tenant_id: str) -> int:
        rows = await self._ask(tenant_id, READ, f"SELECT count(*) FROM {self._table(tenant_id)}")  # noqa: S608
        return rows[0][0] if rows else 0

    async def ids(self, tenant_id: str) -> set[str]:
        rows = await self._ask(tenant_id, READ, f"SELECT id FROM {self._table(tenant_id)}")  # noqa: S608
        return {row[0] for row in rows}

    async def drop(self, tenant_id: str) -> None:
        table = self._table(tenant_id)
        self._small.pop(table, None)
        async with self._transaction(tenant_id, WRITE) as connection:
            await connection.execute(text(f"DROP TABLE IF EXISTS {table}"))

    async def close(self) -> None:
        """Ends the connections. The index cannot be used afterwards."""
        await self._engine.dispose()

    async def _prepare(self) -> None:
        async with self._transaction(EVERY_TENANT, WRITE) as connection:
            there = "SELECT (SELECT count(*) FROM {} WHERE {} = '{}') > 0"
            has_vectors = await connection.scalar(text(there.format("pg_extension", "extname", "vector")))
            if not has_vectors:
                await connection.execute(text("CREATE EXTENSION vector"))
            if not await connection.scalar(text(there.format("pg_namespace", "nspname", SCHEMA))):
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

    async def _grow(self, connection: AsyncConnection, table: str, added: int) -> None:
        """The graph, once there are enough rows: built over many at a time, which is much quicker."""
        rows = self._small.get(table, 0) + added
        if table in self._small and rows < GRAPH_FROM:
            self._small[table] = rows
            return
        name = f"{table.split('.')[1]}_graph"
        values = {"schema": SCHEMA, "name": name}
        there = text("SELECT count(*) FROM pg_indexes WHERE schemaname = :schema AND indexname = :name")
        if await connection.scalar(there, values):
            self._small.pop(table, None)
            return
        rows = await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608
        self._small[table] = rows
        if rows < GRAPH_FROM:
            return
        await connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{_BUILD_MEMORY}'")
        how = f"USING hnsw (vector vector_cosine_ops) WITH ({_GRAPH})"
        await connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {name} ON {table} {how}")
        self._small.pop(table, None)

    async def _ask(
        self, tenant_id: str, mode: str, statement: str, values: dict[str, Any] | None = None
    ) -> Sequence[Any]:
        """No rows where the tenant has no table yet."""
        try:
            async with self._transaction(tenant_id, mode) as connection:
                result = await connection.execute(text(statement), values or {})
                return result.all() if result.returns_rows else []
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) == _UNKNOWN_TABLE:
                return []
            raise

    @asynccontextmanager
    async def _transaction(self, tenant_id: str, mode: str) -> AsyncIterator[AsyncConnection]:
        try:
            with working_for(tenant_id):
                begin = begin_statement(mode)
            async with self._engine.connect() as connection:
                await connection.exec_driver_sql(begin)
                yield connection
                await connection.commit()
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
