"""Alerts in SQL: kept once for each conversation and reason."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql.conversation_tables import alerts
from copilot.adapters.sql.upserts import upsert as insert
from copilot.domain.signals import Alert


async def add(connection: AsyncConnection, alert: Alert) -> bool:
    """False when the conversation has one for that reason."""
    row = alert.model_dump(include={"id", "tenant_id", "conversation_id", "reason"})
    statement = insert(alerts).values(**row, alert=alert.model_dump_json()).on_conflict_do_nothing()
    return await connection.scalar(statement.returning(alerts.c.id)) is not None


async def newest(connection: AsyncConnection, tenant_id: str, after: str | None, limit: int) -> list[Alert]:
    query = select(alerts.c.alert).where(alerts.c.tenant_id == tenant_id)
    if after is not None:
        query = query.where(alerts.c.id < after)
    found = await connection.scalars(query.order_by(alerts.c.id.desc()).limit(limit))
    return [Alert.model_validate_json(body) for body in found]


async def since(connection: AsyncConnection, tenant_id: str, alert_id: str, limit: int) -> list[Alert]:
    """Oldest first."""
    query = (
        select(alerts.c.alert)
        .where(alerts.c.tenant_id == tenant_id, alerts.c.id > alert_id)
        .order_by(alerts.c.id)
        .limit(limit)
    )
    return [Alert.model_validate_json(body) for body in await connection.scalars(query)]
