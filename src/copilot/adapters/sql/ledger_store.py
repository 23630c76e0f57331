"""The ledger in SQL: append-only by trigger, its head kept apart from the chain."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import (
    DDL,
    Column,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    event,
    or_,
    select,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql.columns import TextBytes
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.ledger_keys import key_for
from copilot.adapters.sql.locks import hold, ledger_lock
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert as insert
from copilot.domain.actions import LedgerEntry, LedgerHead, LedgerRecord, canonical_json
from copilot.domain.errors import LedgerUnreadable
from copilot.domain.ledger import ONCE_OPEN_KINDS, head_of, ledger_time, next_entry, sealed

_PAGE = 500

ledger = Table(
    "ledger",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "sequence"),
)
ledger_heads = Table(
    "ledger_heads",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)

_TEXTS = tuple(column.name for column in ledger.c if isinstance(column.type, Text))
"""Read as bytes: a flipped bit may leave something that is no text, which the driver would stumble over."""

# Made once, because every turn adds entries.
_ADD = ledger.insert()
_HEAD = select(ledger_heads.c.sequence, TextBytes(ledger_heads.c.hash).label("hash")).where(
    ledger_heads.c.tenant_id == bindparam("tenant")
)
_new_head = insert(ledger_heads)
_MOVE_HEAD = _new_head.on_conflict_do_update(
    index_elements=["tenant_id"],
    set_={name: _new_head.excluded[name] for name in LedgerHead.model_fields},
)

for _verb in ("UPDATE", "DELETE"):
    event.listen(
        ledger,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER ledger_no_{_verb.lower()} BEFORE {_verb} ON ledger "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        ),
    )


@of_one_tenant()
class SqlLedgerStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, tenant_id: str, record: LedgerRecord, *, durable: bool = True) -> LedgerEntry:
        if not durable:
            return await self._database.transact(lambda c: _append(c, tenant_id, record))
        async with self._database.write(durable=True) as connection:
            return await append_entry(connection, tenant_id, record)

    async def entries(self, tenant_id: str) -> AsyncIterator[LedgerEntry]:
        """In pages, so that a slow reader holds no transaction open."""
        last = 0
        while rows := await self._page(tenant_id, last):
            for row in rows:
                yield _entry(row, expected=last + 1)
                last = row.sequence

    async def head(self, tenant_id: str) -> LedgerHead | None:
        async with self._database.read() as connection:
            return await connection.run_sync(_head, tenant_id)

    async def page(
        self, tenant_id: str, *, before: int | None = None, limit: int = 50, subject_id: str | None = None
    ) -> list[LedgerEntry]:
        query = _rows(tenant_id).order_by(ledger.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(ledger.c.sequence < before)
        if subject_id is not None:
            query = query.where(ledger.c.subject_id == subject_id)
        rows = await self._read(query, first=before or 0)
        return [_entry(row, expected=row.sequence) for row in rows]

    async def _page(self, tenant_id: str, last: int) -> list[Row[Any]]:
        query = _rows(tenant_id).where(ledger.c.sequence > last).order_by(ledger.c.sequence).limit(_PAGE)
        return await self._read(query, first=last + 1)

    async def _read(self, query: Select[Any], *, first: int) -> list[Row[Any]]:
        try:
            async with self._database.read() as connection:
                return list((await connection.execute(query)).all())
        except DatabaseError as error:
            raise LedgerUnreadable(
                f"the database cannot read it: {error.orig}", sequence=first, hint="Restore a backup."
            ) from error


def _rows(tenant_id: str) -> Select[Any]:
    texts = (TextBytes(ledger.c[n]).label(n) for n in _TEXTS)
    return select(ledger.c.sequence, *texts).where(ledger.c.tenant_id == tenant_id)


def entries_about(
    connection: Connection, tenant_id: str, subjects: Sequence[Select[tuple[str]]]
) -> list[LedgerEntry]:
    """Those that may hold text from before it was sealed, oldest first; each of `subjects` selects ids."""
    query = _rows(tenant_id).where(
        ledger.c.kind.in_(sorted(ONCE_OPEN_KINDS)), or_(*(ledger.c.subject_id.in_(ids) for ids in subjects))
    )
    rows = connection.execute(query.order_by(ledger.c.sequence)).all()
    return [_entry(row, expected=row.sequence) for row in rows]


async def append_entry(connection: AsyncConnection, tenant_id: str, record: LedgerRecord) -> LedgerEntry:
    """The next link, within the caller's write transaction."""
    return await connection.run_sync(_append, tenant_id, record)


def _append(connection: Connection, tenant_id: str, record: LedgerRecord) -> LedgerEntry:
    hold(connection, ledger_lock(tenant_id))
    if record.private:
        record = sealed(record, key_for(connection, tenant_id, record))
    entry = next_entry(_head(connection, tenant_id), tenant_id, record)
    connection.execute(
        _ADD,
        {
            "tenant_id": tenant_id,
            "sequence": entry.sequence,
            "kind": entry.kind,
            "subject_id": entry.subject_id,
            "body": canonical_json(entry.body).decode(),
            "created_at": ledger_time(entry.created_at),
            "previous_hash": entry.previous_hash,
            "hash": entry.hash,
        },
    )
    connection.execute(_MOVE_HEAD, {"tenant_id": tenant_id, **head_of(entry).model_dump()})
    return entry


def _head(connection: Connection, tenant_id: str) -> LedgerHead | None:
    """`LedgerUnreadable` when its row is not as it was written."""
    row = connection.execute(_HEAD, {"tenant": tenant_id}).first()
    if row is None:
        return None
    try:
        return LedgerHead(sequence=row.sequence, hash=row.hash.decode())
    except ValueError as error:
        raise LedgerUnreadable(
            "the head's row is not as it was written",
            sequence=row.sequence if isinstance(row.sequence, int) else 0,
            hint="Restore a backup.",
        ) from error


def _entry(row: Row[Any], *, expected: int) -> LedgerEntry:
    """The row read strictly: what would not be written exactly so again was changed."""
    try:
        texts = {name: getattr(row, name).decode() for name in _TEXTS}
        entry = LedgerEntry.model_validate(
            texts | {"sequence": row.sequence, "body": json.loads(texts["body"])}
        )
        as_written = canonical_json(entry.body).decode() == texts["body"] and (
            ledger_time(entry.created_at) == texts["created_at"]
        )
    except ValueError:
        as_written = False
    if not as_written:
        raise LedgerUnreadable("its row is not as it was written", sequence=expected)
    return entry
