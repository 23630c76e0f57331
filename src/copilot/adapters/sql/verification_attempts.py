"""Verification attempts in SQL: a row for each attempt and each thing watched."""

from collections.abc import Collection

from sqlalchemy import Boolean, Column, Index, PrimaryKeyConstraint, Table, Text, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.locks import hold
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.verification import VerificationAttempt, Watched

_rows = Table(
    "verification_attempts",
    metadata,
    Column("attempt_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("counts", Boolean, nullable=False),
    PrimaryKeyConstraint("attempt_id", "subject"),
)
Index("verification_attempts_by_subject", _rows.c.tenant_id, _rows.c.subject)
Index("verification_attempts_by_conversation", _rows.c.tenant_id, _rows.c.conversation_id)


@of_one_tenant()
class SqlVerificationAttempts:
    """The VerificationAttempts port. Who counts a subject is alone with it, so what follows is one step."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, attempt: VerificationAttempt) -> str | None:
        async with self._database.write(durable=True) as connection:
            subjects = (f"verification {attempt.tenant_id} {w.subject}" for w in attempt.watched)
            await connection.run_sync(hold, *subjects)
            full = None
            for watched in attempt.watched:
                if full is None and await _is_full(connection, attempt.tenant_id, watched):
                    full = watched.subject
            shared = {
                "attempt_id": attempt.id,
                "tenant_id": attempt.tenant_id,
                "conversation_id": attempt.conversation_id,
                "at": attempt.at,
                "counts": full is None,
            }
            await connection.execute(
                insert(_rows), [shared | {"subject": w.subject} for w in attempt.watched]
            )
        return full

    async def forgive(self, tenant_id: str, attempt_id: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                delete(_rows).where(_rows.c.tenant_id == tenant_id, _rows.c.attempt_id == attempt_id)
            )

    async def has_failed(self, tenant_id: str, conversation_id: str, subject: str) -> bool:
        query = select(func.count()).where(
            _rows.c.tenant_id == tenant_id,
            _rows.c.conversation_id == conversation_id,
            _rows.c.subject == subject,
            _rows.c.counts,
        )
        return bool(await self._database.look(lambda connection: connection.scalar(query)))

    async def subjects(self, tenant_id: str, conversation_id: str) -> frozenset[str]:
        query = select(_rows.c.subject).where(
            _rows.c.tenant_id == tenant_id, _rows.c.conversation_id == conversation_id
        )
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(query))

    async def clear(self, tenant_id: str, subjects: Collection[str]) -> None:
        async with self._database.write(durable=True) as connection:
            await connection.execute(
                delete(_rows).where(_rows.c.tenant_id == tenant_id, _rows.c.subject.in_(list(subjects)))
            )


async def _is_full(connection: AsyncConnection, tenant_id: str, watched: Watched) -> bool:
    if watched.most is None:
        return False
    query = select(func.count()).where(
        _rows.c.tenant_id == tenant_id, _rows.c.subject == watched.subject, _rows.c.counts
    )
    if watched.since is not None:
        query = query.where(_rows.c.at > watched.since)
    return (await connection.scalar(query) or 0) >= watched.most
