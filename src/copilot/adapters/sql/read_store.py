"""The audit of reads in SQL: rows are added, and nothing here changes or removes one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Index, Table, Text, select, tuple_

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert
from copilot.domain.reads import Data, Read, ReadFilter

_reads = Table(
    "data_reads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("conversation_id", Text),
    Column("subject_id", Text),
    Column("request_id", Text),
    Column("at", UtcDateTime, nullable=False),
    Index("data_reads_by_time", "tenant_id", "at", "id"),
    Index("data_reads_by_conversation", "tenant_id", "conversation_id", "at"),
    Index("data_reads_by_actor", "tenant_id", "actor_id", "at"),
)
_OWNERS = {Data.ACTION: "actions", Data.SUGGESTION: "suggestions"}
"""Tables whose rows say of which conversation they are."""


@of_one_tenant()
class SqlReadStore:
    """The ReadStore port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, tenant_id: str, reads: Sequence[Read]) -> None:
        def work(connection: Connection) -> None:
            known = _conversations(connection, tenant_id, reads)
            rows = [_row(read, known) for read in reads]
            if rows:
                # Tried again after an answer that did not come, some may be there.
                connection.execute(upsert(_reads).on_conflict_do_nothing(), rows)

        await self._database.transact(work)

    async def list_reads(
        self, tenant_id: str, wanted: ReadFilter, *, after: str | None = None, limit: int = 50
    ) -> list[Read]:
        query = select(_reads).where(_reads.c.tenant_id == tenant_id)
        if wanted.conversation_id is not None:
            query = query.where(_reads.c.conversation_id == wanted.conversation_id)
        if wanted.actor_id is not None:
            query = query.where(_reads.c.actor_id == wanted.actor_id)
        if wanted.since is not None:
            query = query.where(_reads.c.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(_reads.c.at < wanted.until)
        if after is not None:
            place = select(_reads.c.at, _reads.c.id).where(
                _reads.c.tenant_id == tenant_id, _reads.c.id == after
            )
            query = query.where(tuple_(_reads.c.at, _reads.c.id) < place.scalar_subquery())
        query = query.order_by(_reads.c.at.desc(), _reads.c.id.desc()).limit(limit)
        async with self._database.peek() as connection:
            return [Read.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]


def _conversations(connection: Connection, tenant_id: str, reads: Sequence[Read]) -> dict[str, str]:
    """By the id of an action or suggestion."""
    found: dict[str, str] = {}
    for data, name in _OWNERS.items():
        ids = {r.subject_id for r in reads if r.data is data and r.subject_id and r.conversation_id is None}
        if ids:
            owners = metadata.tables[name]
            query = select(owners.c.id, owners.c.conversation_id).where(
                owners.c.tenant_id == tenant_id, owners.c.id.in_(ids)
            )
            found |= {row.id: row.conversation_id for row in connection.execute(query)}
    return found


def _row(read: Read, known: dict[str, str]) -> dict[str, Any]:
    row = read.model_dump(mode="python")
    row["conversation_id"] = read.conversation_id or known.get(read.subject_id or "")
    return row
