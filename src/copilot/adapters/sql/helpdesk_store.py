"""Outside helpdesks in SQL: links, deliveries and notes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
    update,
)

from copilot.adapters.sql.columns import JsonField, UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert as insert
from copilot.domain.helpdesk import Delivery, DeliveryStatus, Note, NoteStatus, QueueState

KEPT = timedelta(days=30)
"""How long an event is remembered: nobody may send it again after its signature's few minutes anyway."""
_OPEN_DELIVERIES = [DeliveryStatus.RECEIVED.value, DeliveryStatus.TURNED.value]
_OPEN_NOTES = [status.value for status in NoteStatus if status.is_open]
_AT_ONCE = 500

_links = Table(
    "helpdesk_conversations",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("conversation_id", Text, nullable=False),
    Column("linked_at", UtcDateTime, nullable=False),
)
_deliveries = Table(
    "helpdesk_deliveries",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("integration", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("external_id", Text, nullable=False),
    Column("position", Float, nullable=False),
    Column("status", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("body", Text, nullable=False),
    Index("helpdesk_deliveries_by_status", "status", "received_at"),
    Index("helpdesk_deliveries_by_conversation", "tenant_id", "external_id"),
)
_notes = Table(
    "helpdesk_notes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("integration", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("turn_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("tenant_id", "turn_id"),
    Index("helpdesk_notes_by_status", "status", "due_at"),
    Index("helpdesk_notes_by_conversation", "tenant_id", "external_id"),
)


# The workers take what is due from every tenant's queue.
@of_one_tenant(but=("open_deliveries", "due_notes"))
class SqlHelpdeskStore:
    """The HelpdeskStore port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def conversation_of(self, tenant_id: str, external_id: str) -> str | None:
        query = select(_links.c.conversation_id).where(*_named(tenant_id, external_id))
        async with self._database.peek() as connection:
            found: str | None = await connection.scalar(query)
        return found

    async def link(
        self, tenant_id: str, external_id: str, conversation_id: str, at: datetime, *, instead_of: str | None
    ) -> str:
        ours = {"conversation_id": conversation_id, "linked_at": at}

        def work(connection: Connection) -> str:
            if instead_of is None:
                new = insert(_links).values(tenant_id=tenant_id, external_id=external_id, **ours)
                connection.execute(new.on_conflict_do_nothing())
            else:
                same = (*_named(tenant_id, external_id), _links.c.conversation_id == instead_of)
                connection.execute(update(_links).where(*same).values(ours))
            query = select(_links.c.conversation_id).where(*_named(tenant_id, external_id))
            return str(connection.scalar(query))

        return await self._database.transact(work)

    async def take_in(self, delivery: Delivery) -> bool:
        message = delivery.message
        row = insert(_deliveries).values(
            tenant_id=delivery.tenant_id,
            integration=delivery.integration,
            event_id=message.event_id,
            external_id=message.contact.external_id,
            position=message.position,
            received_at=delivery.received_at,
            **_state(delivery),
        )
        taken = row.on_conflict_do_nothing().returning(_deliveries.c.event_id)
        # Durable: the helpdesk will not tell it again once we have said that we have it.
        async with self._database.write(durable=True) as connection:
            return (await connection.execute(taken)).one_or_none() is not None

    async def last_position(self, tenant_id: str, external_id: str) -> float | None:
        mine = (_deliveries.c.tenant_id == tenant_id, _deliveries.c.external_id == external_id)
        became = _deliveries.c.status.in_([DeliveryStatus.TURNED.value, DeliveryStatus.DONE.value])
        async with self._database.peek() as connection:
            found: float | None = await connection.scalar(
                select(func.max(_deliveries.c.position)).where(*mine, became)
            )
        return found

    async def save_delivery(self, delivery: Delivery) -> None:
        await self._database.transact(lambda connection: _save_delivery(connection, delivery))

    async def open_deliveries(self) -> Sequence[Delivery]:
        query = (
            select(_deliveries.c.body)
            .where(_deliveries.c.status.in_(_OPEN_DELIVERIES))
            .order_by(_deliveries.c.received_at)
            .limit(_AT_ONCE)
        )
        async with self._database.peek() as connection:
            found = [Delivery.model_validate_json(body) for body in await connection.scalars(query)]
        return sorted(found, key=lambda d: (d.message.contact.external_id, d.message.position))

    async def settle(self, delivery: Delivery, note: Note | None) -> None:
        def work(connection: Connection) -> None:
            _save_delivery(connection, delivery)
            old = delivery.received_at - KEPT
            connection.execute(
                delete(_deliveries).where(
                    _deliveries.c.received_at < old, _deliveries.c.status.not_in(_OPEN_DELIVERIES)
                )
            )
            connection.execute(
                delete(_notes).where(_notes.c.created_at < old, _notes.c.status.not_in(_OPEN_NOTES))
            )
            if note is not None:
                row = insert(_notes).values(
                    id=note.id,
                    tenant_id=note.tenant_id,
                    integration=note.integration,
                    external_id=note.external_id,
                    turn_id=note.turn_id,
                    created_at=note.created_at,
                    **_note_state(note),
                )
                connection.execute(row.on_conflict_do_nothing())

        await self._database.transact(work)

    async def save_note(self, note: Note) -> None:
        async with self._database.write(durable=True) as connection:
            await connection.execute(update(_notes).where(_notes.c.id == note.id).values(_note_state(note)))

    async def due_notes(self, now: datetime) -> Sequence[Note]:
        due = (_notes.c.status.in_(_OPEN_NOTES), _notes.c.due_at <= now)
        oldest = (_notes.c.created_at, _notes.c.id)
        query = select(_notes.c.body).where(*due).order_by(*oldest).limit(_AT_ONCE)
        async with self._database.peek() as connection:
            return [Note.model_validate_json(body) for body in await connection.scalars(query)]

    async def state(self, tenant_id: str, integration: str) -> QueueState:
        def work(connection: Connection) -> QueueState:
            messages, told = _states(connection, _deliveries.c.received_at, tenant_id, integration)
            notes, said = _states(connection, _notes.c.created_at, tenant_id, integration)
            return QueueState(
                messages_waiting=sum(messages.get(status, 0) for status in _OPEN_DELIVERIES),
                messages_failed=messages.get(DeliveryStatus.FAILED.value, 0),
                notes_waiting=sum(notes.get(status, 0) for status in _OPEN_NOTES),
                notes_failed=notes.get(NoteStatus.FAILED.value, 0),
                problem=said or told,
            )

        return await self._database.look(work)

    async def notes(self, tenant_id: str, external_id: str) -> Sequence[Note]:
        mine = (_notes.c.tenant_id == tenant_id, _notes.c.external_id == external_id)
        query = select(_notes.c.body).where(*mine).order_by(_notes.c.created_at, _notes.c.id)
        async with self._database.peek() as connection:
            return [Note.model_validate_json(body) for body in await connection.scalars(query)]


def _states(
    connection: Connection, came: Column[datetime], tenant_id: str, integration: str
) -> tuple[dict[str, int], str]:
    """How many rows there are of each status, and the problem of the latest that has one and is not over."""
    table = came.table
    mine = (table.c.tenant_id == tenant_id, table.c.integration == integration)
    counted = select(table.c.status, func.count()).where(*mine).group_by(table.c.status)
    problem = JsonField(table.c.body, "problem")
    stuck = table.c.status.in_(["failed", *_OPEN_DELIVERIES, *_OPEN_NOTES])
    latest = select(problem).where(*mine, stuck, problem != "").order_by(came.desc()).limit(1)
    found = {status: number for status, number in connection.execute(counted)}  # noqa: C416 - rows are no pairs
    return found, str(connection.scalar(latest) or "")


def _named(tenant_id: str, external_id: str) -> tuple[Any, ...]:
    return (_links.c.tenant_id == tenant_id, _links.c.external_id == external_id)


def _state(delivery: Delivery) -> dict[str, Any]:
    return {"status": delivery.status.value, "body": delivery.model_dump_json()}


def _note_state(note: Note) -> dict[str, Any]:
    return {"status": note.status.value, "due_at": note.due_at, "body": note.model_dump_json()}


def _save_delivery(connection: Connection, delivery: Delivery) -> None:
    mine = (
        _deliveries.c.tenant_id == delivery.tenant_id,
        _deliveries.c.integration == delivery.integration,
        _deliveries.c.event_id == delivery.message.event_id,
    )
    connection.execute(update(_deliveries).where(*mine).values(_state(delivery)))
