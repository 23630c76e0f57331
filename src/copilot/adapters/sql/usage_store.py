"""Tokens and cost of language models in SQL, one row for each conversation and model."""

from sqlalchemy import BigInteger, Column, Table, Text, select

from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert
from copilot.domain.usage import UsageTotals

_COUNTS = tuple(name for name in UsageTotals.model_fields if name != "model")

_usage = Table(
    "model_usage",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("conversation_id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in _COUNTS),
    sqlite_with_rowid=False,
)


@of_one_tenant()
class SqlUsageStore:
    """The UsageStore port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant_id: str, conversation_id: str, used: UsageTotals) -> None:
        row = {"tenant_id": tenant_id, "conversation_id": conversation_id, **used.model_dump()}
        statement = upsert(_usage).values(row)
        statement = statement.on_conflict_do_update(
            index_elements=["tenant_id", "conversation_id", "model"],
            set_={name: _usage.c[name] + statement.excluded[name] for name in _COUNTS},
        )
        await self._database.transact(lambda connection: connection.execute(statement))

    async def of(self, tenant_id: str, conversation_id: str) -> list[UsageTotals]:
        columns = [_usage.c.model, *(_usage.c[name] for name in _COUNTS)]
        query = (
            select(*columns)
            .where(_usage.c.tenant_id == tenant_id, _usage.c.conversation_id == conversation_id)
            .order_by(_usage.c.model)
        )
        async with self._database.peek() as connection:
            rows = await connection.execute(query)
            return [UsageTotals.model_validate(dict(row)) for row in rows.mappings()]
