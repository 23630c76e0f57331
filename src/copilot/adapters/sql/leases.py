"""Leases in SQL: who does a piece of work that one server at a time does."""

from datetime import datetime

from sqlalchemy import Column, Connection, Table, Text, or_

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert

leases = Table(
    "leases",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)


@of_one_tenant()
class SqlLeases:
    """The Leases port on our SQL database. Nothing is given back: a lease is over when its time is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, tenant_id: str, name: str, holder: str, now: datetime, until: datetime) -> bool:
        terms = {"holder": holder, "until": until}
        statement = (
            upsert(leases)
            .values(tenant_id=tenant_id, name=name, **terms)
            .on_conflict_do_update(
                index_elements=["tenant_id", "name"],
                set_=terms,
                where=or_(leases.c.until <= now, leases.c.holder == holder),
            )
            .returning(leases.c.holder)
        )

        def take(connection: Connection) -> bool:
            return connection.execute(statement).first() is not None

        return await self._database.transact(take)
