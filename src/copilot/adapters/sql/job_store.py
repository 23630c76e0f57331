"""Ingest jobs and their uploaded files in SQL."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.errors import NotFound
from copilot.domain.ingest import IngestJob, JobStatus

KEPT = timedelta(days=30)
_OPEN = [status.value for status in JobStatus if not status.is_final]

_jobs = Table(
    "ingest_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("body", Text, nullable=False),
    Index("ingest_jobs_by_tenant", "tenant_id", "id"),
    Index("ingest_jobs_by_status", "status"),
)
_files = Table(
    "ingest_job_files",
    metadata,
    Column("job_id", Text, ForeignKey(_jobs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)


@of_one_tenant(but=("unfinished",))
class SqlJobStore:
    """The JobStore port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, job: IngestJob, files: Sequence[tuple[str, bytes]] = ()) -> None:
        rows = [
            {"job_id": job.id, "position": position, "name": name, "content": content}
            for position, (name, content) in enumerate(files)
        ]
        row = {"id": job.id, "tenant_id": job.tenant_id, "created_at": job.created_at, **_changing(job)}
        async with self._database.write() as connection:
            await connection.execute(
                delete(_jobs).where(_jobs.c.created_at < job.created_at - KEPT, _jobs.c.status.not_in(_OPEN))
            )
            await connection.execute(insert(_jobs).values(row))
            if rows:
                await connection.execute(insert(_files), rows)

    async def save(self, job: IngestJob) -> None:
        wanted = (_jobs.c.id == job.id, _jobs.c.tenant_id == job.tenant_id)
        async with self._database.write() as connection:
            changed = await connection.execute(update(_jobs).where(*wanted).values(_changing(job)))
            if not changed.rowcount:
                raise _no_job(job.id)
            if job.status.is_final:
                await connection.execute(delete(_files).where(_files.c.job_id == job.id))

    async def get(self, tenant_id: str, job_id: str) -> IngestJob:
        statement = select(_jobs.c.body).where(_jobs.c.id == job_id, _jobs.c.tenant_id == tenant_id)
        async with self._database.read() as connection:
            body = await connection.scalar(statement)
        if body is None:
            raise _no_job(job_id)
        return IngestJob.model_validate_json(body)

    async def list_jobs(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[IngestJob]:
        statement = select(_jobs.c.body).where(_jobs.c.tenant_id == tenant_id)
        if after is not None:
            statement = statement.where(_jobs.c.id < after)
        async with self._database.read() as connection:
            bodies = await connection.scalars(statement.order_by(_jobs.c.id.desc()).limit(limit))
            return [IngestJob.model_validate_json(body) for body in bodies]

    async def unfinished(self) -> list[IngestJob]:
        statement = select(_jobs.c.body).where(_jobs.c.status.in_(_OPEN)).order_by(_jobs.c.id)
        async with self._database.read() as connection:
            return [IngestJob.model_validate_json(body) for body in await connection.scalars(statement)]

    async def files(self, tenant_id: str, job_id: str) -> list[tuple[str, bytes]]:
        statement = (
            select(_files.c.name, _files.c.content)
            .join(_jobs, _jobs.c.id == _files.c.job_id)
            .where(_jobs.c.id == job_id, _jobs.c.tenant_id == tenant_id)
            .order_by(_files.c.position)
        )
        async with self._database.read() as connection:
            return [(name, content) for name, content in await connection.execute(statement)]


def _changing(job: IngestJob) -> dict[str, str]:
    return {"status": job.status.value, "body": job.model_dump_json()}


def _no_job(job_id: str) -> NotFound:
    return NotFound(f"there is no job `{job_id}`.", hint="GET /v1/knowledge/jobs lists what there is.")
