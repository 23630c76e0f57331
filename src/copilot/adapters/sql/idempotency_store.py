"""Answers remembered by `Idempotency-Key`, in SQL."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
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
# Every write of the API runs them, so that each is made once.
_NAMED = (_requests.c.tenant_id == bindparam("tenant"), _requests.c.key == bindparam("named"))
_TAKE = insert(_requests).on_conflict_do_nothing().returning(_requests.c.key)
_FIND = select(_requests).where(*_NAMED).with_for_update()
_FINISH = update(_requests).where(*_NAMED).values(status=bindparam("answer_status"), body=bindparam("answer"))


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
        answer = {"tenant": tenant_id, "named": key, "answer_status": status, "answer": body}
        await self._database.transact(lambda connection: connection.execute(_FINISH, answer))

    async def abandon(self, tenant_id: str, key: str) -> None:
        statement = delete(_requests).where(*_NAMED, _requests.c.status.is_(None))
        named = {"tenant": tenant_id, "named": key}
        await self._database.transact(lambda connection: connection.execute(statement, named))


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
    if purge:
        connection.execute(delete(_requests).where(_requests.c.begun_at < at - REMEMBERED))
    taken = connection.execute(_TAKE, {"tenant_id": tenant_id, "key": key, **claim})
    if taken.one_or_none() is not None:
        return None
    # Locked, so that of two who find a claim that has died only one takes it over.
    named = {"tenant": tenant_id, "named": key}
    if (row := connection.execute(_FIND, named).one_or_none()) is None:  # given up in this moment
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
    connection.execute(update(_requests).where(*_NAMED).values(claim), named)
    return None
