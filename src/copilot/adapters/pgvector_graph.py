"""The HNSW graph over one tenant's vectors: how it is asked, and how it is built while searches go on.

It holds halves of 16 bits, which is half the memory at the same recall; what it finds is compared again with
the vectors themselves. It is built over all rows at once, in memory and by several processes, under another
name, and takes its own only when it is whole: a graph that is there can be used.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

LINKS, LOOKED_AT_TO_BUILD = 24, 200
"""pgvector's m and ef_construction. 16 and 100 need twice the `LOOKED_AT` for the same recall."""
LOOKED_AT = 400
"""pgvector's ef_search: the nearest rows that a search keeps in sight."""
_MOST_LOOKED_AT = 1_000
"""More than this pgvector refuses; a search that wants more goes on in steps of it."""
_SPARE = 10
"""Fetched beyond those wanted, because 16 bits may put neighbours in another order."""
_SEARCH_MEMORY = 8
"""Times work_mem: what a search may keep in mind of where it was."""
_BYTES_OF_A_LINK, _BYTES_OF_A_ROW = 16, 256
_LEAST_MEMORY, _MOST_MEMORY = 64, 2_048
"""Megabytes. Beyond these the build goes on, on disk and slower."""
_WORKERS = 4
"""At most; the server's own settings may allow fewer."""
_NO_SHARED_MEMORY = {"53100", "53200"}
"""How PostgreSQL says that /dev/shm is too small, as it is in a container that nobody gave more."""


@dataclass(frozen=True)
class Graph:
    """Of one table, `schema.name`."""

    table: str
    dimensions: int

    @property
    def name(self) -> str:
        return f"{self.table}_near"

    @property
    def _unfinished(self) -> str:
        return f"{self.table}_building"

    def settings(self, limit: int) -> str:
        """For the transaction of a search: the graph is used, and gives as many as are asked for."""
        looked_at = min(max(LOOKED_AT, limit + _SPARE), _MOST_LOOKED_AT)
        return (
            f"SET LOCAL enable_seqscan = off; SET LOCAL hnsw.ef_search = {looked_at}; "
            # Else a search ends with fewer than asked after rows that are deleted, or after 1,000.
            "SET LOCAL hnsw.iterative_scan = relaxed_order; "
            f"SET LOCAL hnsw.scan_mem_multiplier = {_SEARCH_MEMORY}"
        )

    def search(self, limit: int) -> str:
        """A query of (id, cosine), best first, for a parameter `vector`."""
        # A number in the text, because a plan for any limit would read every row.
        found = (
            f"SELECT id, vector FROM {self.table} "  # noqa: S608 - our own name
            f"ORDER BY {self._halves} <=> (SELECT CAST(:vector AS halfvec)) LIMIT {limit + _SPARE}"
        )
        cosine = "1 - (vector <=> (SELECT CAST(:vector AS vector)))"
        return f"SELECT id, {cosine} AS cosine FROM ({found}) AS found ORDER BY cosine DESC LIMIT {limit}"  # noqa: S608

    async def is_there(self, connection: AsyncConnection) -> bool:
        there = await connection.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": self.name})
        return bool(there)

    async def build(self, connection: AsyncConnection, rows: int) -> None:
        """Takes minutes for some 100,000 rows. Outside a transaction, on a connection to be ended afterwards.

        Nothing happens where another process builds it: it holds the lock, and goes on.
        """
        # Not waited for: the build waits until everyone's statement has ended, and would wait for this one.
        taken = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        if not await connection.scalar(taken, {"name": self._unfinished}) or await self.is_there(connection):
            return
        for unlimited in ("lock_timeout", "statement_timeout"):
            await connection.exec_driver_sql(f"SET {unlimited} = 0")
        await connection.exec_driver_sql(f"SET maintenance_work_mem = '{self.megabytes(rows)}MB'")
        try:
            await self._build_with(connection, _WORKERS)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _NO_SHARED_MEMORY:
                raise
            await self._build_with(connection, 0)
        short = self.name.split(".")[1]
        await connection.exec_driver_sql(f"ALTER INDEX {self._unfinished} RENAME TO {short}")
        # Of earlier versions: over whole vectors, twice as large.
        await connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {self.table}_graph")

    def megabytes(self, rows: int) -> int:
        """What the build of so many rows keeps in memory."""
        row = 2 * self.dimensions + 2 * LINKS * _BYTES_OF_A_LINK + _BYTES_OF_A_ROW
        return min(max(_LEAST_MEMORY, rows * row // 2**20), _MOST_MEMORY)

    async def _build_with(self, connection: AsyncConnection, workers: int) -> None:
        # What was left of a build that was broken off.
        await connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {self._unfinished}")
        await connection.exec_driver_sql(f"SET max_parallel_maintenance_workers = {workers}")
        name = self._unfinished.split(".")[1]
        await connection.exec_driver_sql(
            f"CREATE INDEX CONCURRENTLY {name} ON {self.table} "
            f"USING hnsw (({self._halves}) halfvec_cosine_ops) "
            f"WITH (m = {LINKS}, ef_construction = {LOOKED_AT_TO_BUILD})"
        )

    @property
    def _halves(self) -> str:
        return f"vector::halfvec({self.dimensions})"
