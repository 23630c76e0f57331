"""Answers remembered by `Idempotency-Key`, in SQL."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    select,
    update,
)

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert as insert
from copilot.domain.errors import Conflict, IdempotencyKeyReused
from copilot.ports.actions import HELD

REMEMBERED = timedelta(hours=24)
_PURGED_EVERY = timedelta(hours=1)

_requests = Table(
    "idempotent_requests",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("path", Text),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("status", Integer),
    Column("body", LargeBinary),
    Index("idempotent_requests_by_age", "begun_at"),
)


@of_one_tenant()
class SqlIdempotencyStore:
    """The IdempotencyStore port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._purge_at = datetime.min.replace(tzinfo=UTC)

    async def begin(
        self,
        tenant_id: str,
        key: str,
        fingerprint: str,
        at: datetime,
        *,
        held: timedelta = HELD,
        path: str = "",
    ) -> tuple[int, bytes] | None:
        purge = at >= self._purge_at
        if purge:
            self._purge_at = at + _PURGED_EVERY
        claim = {"fingerprint": fingerprint, "path": path, "begun_at": at, "status": None, "body": None}
        begin = partial(_begin, tenant_id=tenant_id, key=key, claim=claim, at=at, held=held, purge=purge)
        return await self._database.transact(begin)

    async def finish(self, tenant_id: str, key: str, status: int, body: bytes) -> None:
        statement = update(_requests).where(*_named(tenant_id, key)).values(status=status, body=body)
        await self._database.transact(lambda c: c.execute(statement))

    async def abandon(self, tenant_id: str, key: str) -> None:
        statement = delete(_requests).where(*_named(tenant_id, key), _requests.c.status.is_(None))
        await self._database.transact(lambda c: c.execute(statement))


def _begin(
    connection: Connection,
    *,
    tenant_id: str,
    key: str,
    claim: dict[str, Any],
    at: datetime,
    held: timedelta,
    purge: bool,
) -> tuple[int, bytes] | None:
    take = insert(_requests).values(tenant_id=tenant_id, key=key, **claim)
    if purge:
        connection.execute(delete(_requests).where(_requests.c.begun_at < at - REMEMBERED))
    taken = connection.execute(take.on_conflict_do_nothing().returning(_requests.c.key))
    if taken.one_or_none() is not None:
        return None
    # Locked, so that of two who find a claim that has died only one takes it over.
    found = select(_requests).where(*_named(tenant_id, key)).with_for_update()
    if (row := connection.execute(found).one_or_none()) is None:  # given up in this moment
        return _begin(connection, tenant_id=tenant_id, key=key, claim=claim, at=at, held=held, purge=False)
    if row.begun_at >= at - REMEMBERED:
        if row.fingerprint != claim["fingerprint"]:
            raise IdempotencyKeyReused(
                "this Idempotency-Key came with another request before", hint="Send a new key."
            )
        if row.status is not None:
            return row.status, row.body
        if row.begun_at > at - held:
            raise Conflict(
                "the first request with this Idempotency-Key is still being worked on",
                hint="Repeat it in a moment.",
            )
    connection.execute(update(_requests).where(*_named(tenant_id, key)).values(claim))
    return None


def _named(tenant_id: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return (_requests.c.tenant_id == tenant_id, _requests.c.key == key)
