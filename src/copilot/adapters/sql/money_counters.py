"""Limits on money in SQL: a constraint of the table holds them, whoever races."""

from collections.abc import Sequence

from sqlalchemy import CheckConstraint, Column, PrimaryKeyConstraint, Table, Text, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql.columns import BIG_INTEGER
from copilot.adapters.sql.database import metadata
from copilot.adapters.sql.upserts import upsert as insert
from copilot.domain.actions import Allowance
from copilot.domain.errors import LimitReached

counters = Table(
    "money_counters",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("counter", Text, nullable=False),
    Column("reserved_minor", BIG_INTEGER, nullable=False),
    Column("at_most_minor", BIG_INTEGER, nullable=False),
    PrimaryKeyConstraint("tenant_id", "counter"),
    CheckConstraint("reserved_minor BETWEEN 0 AND at_most_minor", name="money_within_limit"),
)
reservations = Table(
    "money_reservations",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("action_id", Text, nullable=False),
    Column("counter", Text, nullable=False),
    Column("amount_minor", BIG_INTEGER, nullable=False),
    PrimaryKeyConstraint("tenant_id", "action_id", "counter"),
)


async def reserve(
    connection: AsyncConnection, tenant_id: str, action_id: str, allowances: Sequence[Allowance]
) -> None:
    """Counts all of them, within the caller's write transaction; `LimitReached` must roll it back."""
    for allowance in allowances:
        row = insert(counters).values(
            tenant_id=tenant_id,
            counter=allowance.counter,
            reserved_minor=allowance.amount_minor,
            at_most_minor=allowance.at_most_minor,
        )
        more = counters.c.reserved_minor + row.excluded.reserved_minor
        try:
            await connection.execute(
                row.on_conflict_do_update(
                    index_elements=["tenant_id", "counter"],
                    set_={"reserved_minor": more, "at_most_minor": row.excluded.at_most_minor},
                )
            )
        except IntegrityError as error:
            raise LimitReached(
                f"The limit for {allowance.limit} is reached.", hint="Ask a supervisor."
            ) from error
        await connection.execute(
            reservations.insert().values(
                tenant_id=tenant_id,
                action_id=action_id,
                counter=allowance.counter,
                amount_minor=allowance.amount_minor,
            )
        )


async def release(connection: AsyncConnection, tenant_id: str, action_id: str) -> None:
    """Gives back what the action has reserved, once."""
    mine = (reservations.c.tenant_id == tenant_id) & (reservations.c.action_id == action_id)
    for row in (await connection.execute(select(reservations).where(mine))).all():
        await connection.execute(
            counters.update()
            .where(counters.c.tenant_id == tenant_id, counters.c.counter == row.counter)
            .values(reserved_minor=counters.c.reserved_minor - row.amount_minor)
        )
    await connection.execute(reservations.delete().where(mine))
