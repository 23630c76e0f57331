"""Actions in SQL: each change is a durable compare-and-set together with its ledger record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Select, Table, Text, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql import money_counters
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.ledger_store import append_entry
from copilot.adapters.sql.locks import hold, ledger_lock
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.actions import Action, ActionStatus, Allowance, LedgerRecord
from copilot.domain.errors import ActionNotOpen, Conflict, NotFound

_OPEN = tuple(status.value for status in ActionStatus if status.is_open)
_WAITING = (ActionStatus.PROPOSED.value, ActionStatus.AWAITING_SECOND_APPROVAL.value)
_UNFINISHED = (ActionStatus.APPROVED.value, ActionStatus.EXECUTING.value)

actions = Table(
    "actions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("document", Text, nullable=False),
)
Index("actions_by_conversation", actions.c.tenant_id, actions.c.conversation_id)
Index("actions_by_customer", actions.c.tenant_id, actions.c.customer_id)
Index("actions_by_status", actions.c.status)
# What keeps two racing requests from proposing the same thing twice.
Index(
    "actions_open_once",
    actions.c.tenant_id,
    actions.c.fingerprint,
    unique=True,
    sqlite_where=actions.c.status.in_(_OPEN),
    postgresql_where=actions.c.status.in_(_OPEN),
)


@of_one_tenant(but=("overdue", "unresolved", "unfinished"))
class SqlActionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, action: Action, record: LedgerRecord) -> None:
        try:
            async with self._database.write(durable=True) as connection:
                await _add(connection, action, record)
        except IntegrityError as error:
            raise _twin() from error

    async def get(self, tenant_id: str, action_id: str) -> Action:
        query = _select().where(actions.c.tenant_id == tenant_id, actions.c.id == action_id)
        found = await self._fetch(query)
        if not found:
            raise NotFound(f"There is no action {action_id}.")
        return found[0]

    async def list_for(self, tenant_id: str, conversation_id: str) -> list[Action]:
        return await self._fetch(
            _select().where(actions.c.tenant_id == tenant_id, actions.c.conversation_id == conversation_id)
        )

    async def list_waiting(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Action]:
        query = _select().where(actions.c.tenant_id == tenant_id, actions.c.status.in_(_WAITING)).limit(limit)
        return await self._fetch(query if after is None else query.where(actions.c.id > after))

    async def replace(
        self,
        action: Action,
        record: LedgerRecord,
        *,
        expected: ActionStatus,
        reserve: Sequence[Allowance] = (),
    ) -> None:
        async with self._database.write(durable=True) as connection:
            await _replace(connection, action, record, expected)
            await money_counters.reserve(connection, action.tenant_id, action.id, reserve)
            # What never began has reserved nothing; an action set back by hand keeps what it has paid out.
            if action.status is ActionStatus.FAILED and expected is not ActionStatus.APPROVED:
                await money_counters.release(connection, action.tenant_id, action.id)

    async def supersede(
        self,
        old: Action,
        edited: LedgerRecord,
        new: Action,
        proposed: LedgerRecord,
        *,
        expected: ActionStatus,
    ) -> None:
        try:
            async with self._database.write(durable=True) as connection:
                await _replace(connection, old, edited, expected)
                await _add(connection, new, proposed)
        except IntegrityError as error:
            raise _twin() from error

    async def overdue(self, now: datetime) -> list[Action]:
        waiting = await self._fetch(_select().where(actions.c.status.in_(_WAITING)))
        return [action for action in waiting if action.expires_at <= now]

    async def unresolved(self) -> list[Action]:
        found = await self._fetch(_select().where(actions.c.status == ActionStatus.UNRESOLVED.value))
        return [action for action in found if not action.parked]

    async def unfinished(self) -> list[Action]:
        return await self._fetch(_select().where(actions.c.status.in_(_UNFINISHED)))

    async def in_flight(self, tenant_id: str, customer_id: str) -> list[Action]:
        return await self._fetch(
            _select().where(
                actions.c.tenant_id == tenant_id,
                actions.c.customer_id == customer_id,
                actions.c.status.in_((*_UNFINISHED, ActionStatus.UNRESOLVED.value)),
            )
        )

    async def _fetch(self, query: Select[tuple[str]]) -> list[Action]:
        rows = await self._database.look(lambda connection: connection.execute(query).all())
        return [Action.model_validate_json(row.document) for row in rows]


async def _add(connection: AsyncConnection, action: Action, record: LedgerRecord) -> None:
    await connection.run_sync(hold, ledger_lock(action.tenant_id))
    await connection.execute(
        actions.insert().values(
            id=action.id,
            tenant_id=action.tenant_id,
            conversation_id=action.conversation_id,
            customer_id=action.customer_id,
            fingerprint=action.fingerprint(),
            **_changing(action),
        )
    )
    await append_entry(connection, action.tenant_id, record)


async def _replace(
    connection: AsyncConnection, action: Action, record: LedgerRecord, expected: ActionStatus
) -> None:
    # Before anything else: who has an action's row never waits for who waits for that row.
    await connection.run_sync(hold, ledger_lock(action.tenant_id))
    mine = (actions.c.tenant_id == action.tenant_id) & (actions.c.id == action.id)
    changed = await connection.execute(
        actions.update().where(mine, actions.c.status == expected.value).values(_changing(action))
    )
    if changed.rowcount != 1:
        status = (await connection.execute(select(actions.c.status).where(mine))).scalar()
        if status is None:
            raise NotFound(f"There is no action {action.id}.")
        raise ActionNotOpen(f"The action is {status}, not {expected.value} any more.")
    await append_entry(connection, action.tenant_id, record)


def _twin() -> Conflict:
    return Conflict("The same action is open already.", hint="Decide on that one.")


def _select() -> Select[tuple[str]]:
    """Ids sort by age."""
    return select(actions.c.document).order_by(actions.c.id)


def _changing(action: Action) -> dict[str, Any]:
    return {"status": action.status.value, "document": action.model_dump_json()}
