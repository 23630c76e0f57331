"""Sign-ins to the console in SQL, by an HMAC of the cookie's token."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, Text, delete, insert, or_, select, update

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.access import ConsoleSession, Principal, Role

_PURPOSE = b"copilot console session v1"
_MOST_OF_ONE_PERSON = 50
_table = Table(
    "console_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False, index=True),
    Column("principal_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("key_prefix", Text),
    Column("signed_in_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("notices", Text, nullable=False),
)


# Whoever comes with a cookie says nothing of a tenant: the session does.
@of_one_tenant(but=("find", "close"))
class SqlConsoleSessions:
    """The ConsoleSessions port on our SQL database; another `secret` ends every session."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._key = hmac.new(secret, _PURPOSE, hashlib.sha256).digest()

    def id_of(self, token: str) -> str:
        return hmac.new(self._key, token.encode(), hashlib.sha256).hexdigest()

    async def open(self, session: ConsoleSession, *, idle_since: datetime) -> None:
        who = session.principal
        row = {
            "id": session.id,
            "tenant_id": who.tenant_id,
            "principal_id": who.id,
            "name": who.name,
            "role": who.role.value,
            "key_prefix": session.key_prefix,
            "signed_in_at": session.signed_in_at,
            "seen_at": session.seen_at,
            "ends_at": session.ends_at,
            "notices": json.dumps(session.notices),
        }
        mine = (_table.c.tenant_id == who.tenant_id, _table.c.principal_id == who.id)
        newest = (
            select(_table.c.id)
            .where(*mine)
            .order_by(_table.c.signed_in_at.desc(), _table.c.id)
            .limit(_MOST_OF_ONE_PERSON)
        )
        over = or_(_table.c.ends_at <= session.signed_in_at, _table.c.seen_at <= idle_since)

        def work(connection: Connection) -> None:
            connection.execute(delete(_table).where(_table.c.tenant_id == who.tenant_id, over))
            connection.execute(insert(_table).values(row))
            connection.execute(delete(_table).where(*mine, _table.c.id.not_in(newest)))

        await self._database.transact(work)

    async def find(self, session_id: str) -> ConsoleSession | None:
        async with self._database.peek() as connection:
            row = (await connection.execute(select(_table).where(_table.c.id == session_id))).one_or_none()
        return None if row is None else _session(row)

    async def note_seen(self, session: ConsoleSession, at: datetime) -> None:
        await self._change(session, {"seen_at": at})

    async def leave_notices(self, session: ConsoleSession, notices: Sequence[str]) -> None:
        await self._change(session, {"notices": json.dumps(notices)})

    async def close(self, session_id: str) -> None:
        statement = delete(_table).where(_table.c.id == session_id)
        await self._database.transact(lambda connection: connection.execute(statement))

    async def _change(self, session: ConsoleSession, values: dict[str, Any]) -> None:
        mine = (_table.c.tenant_id == session.tenant_id, _table.c.id == session.id)
        statement = update(_table).where(*mine).values(values)
        await self._database.transact(lambda connection: connection.execute(statement))


def _session(row: Row[Any]) -> ConsoleSession:
    return ConsoleSession(
        id=row.id,
        principal=Principal(
            id=row.principal_id,
            tenant_id=row.tenant_id,
            name=row.name,
            role=Role(row.role),
            until=row.ends_at,
        ),
        key_prefix=row.key_prefix,
        signed_in_at=row.signed_in_at,
        seen_at=row.seen_at,
        ends_at=row.ends_at,
        notices=tuple(json.loads(row.notices)),
    )
