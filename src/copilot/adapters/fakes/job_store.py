"""A JobStore in memory."""

from collections.abc import Sequence
from datetime import timedelta

from copilot.domain.errors import NotFound
from copilot.domain.ingest import IngestJob


class MemoryJobStore:
    """For tests; gone with the process."""

    def __init__(self) -> None:
        self._jobs: dict[str, IngestJob] = {}
        self._files: dict[str, list[tuple[str, bytes]]] = {}

    async def add(self, job: IngestJob, files: Sequence[tuple[str, bytes]] = ()) -> None:
        oldest = job.created_at - timedelta(days=30)
        for old in list(self._jobs.values()):
            if old.status.is_final and old.created_at < oldest:
                del self._jobs[old.id]
        self._jobs[job.id] = job
        self._files[job.id] = list(files)

    async def save(self, job: IngestJob) -> None:
        await self.get(job.tenant_id, job.id)
        self._jobs[job.id] = job
        if job.status.is_final:
            self._files.pop(job.id, None)

    async def get(self, tenant_id: str, job_id: str) -> IngestJob:
        job = self._jobs.get(job_id)
        if job is None or job.tenant_id != tenant_id:
            raise NotFound(f"there is no job `{job_id}`.")
        return job

    async def list_jobs(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[IngestJob]:
        mine = sorted(
            (job for job in self._jobs.values() if job.tenant_id == tenant_id), key=lambda job: job.id
        )
        return [job for job in reversed(mine) if after is None or job.id < after][:limit]

    async def unfinished(self) -> list[IngestJob]:
        return sorted((job for job in self._jobs.values() if not job.status.is_final), key=lambda job: job.id)

    async def files(self, tenant_id: str, job_id: str) -> list[tuple[str, bytes]]:
        job = self._jobs.get(job_id)
        return self._files.get(job_id, []) if job is not None and job.tenant_id == tenant_id else []
