"""Ingest jobs: what they did, and how they get on while they run."""

from typing import Annotated

from fastapi import Path, Query
from fastapi.responses import Response

from copilot.console.page import PageDep
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.ingest import IngestJob, JobEvent
from copilot.web.sse import EventStream

router = page_router("jobs", Scope.KNOWLEDGE_WRITE)
JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]+$", max_length=100)]


@router.get("")
async def list_jobs(page: PageDep, cursor: Annotated[str, Query(max_length=500)] = "") -> Response:
    async def find(after: str | None, limit: int) -> list[IngestJob]:
        return await page.services.jobs.list_jobs(page.tenant_id, after=after, limit=limit)

    return page.render(
        "jobs/list.html", jobs=await listed(find, lambda job: job.id, "/console/jobs", {}, cursor)
    )


@router.get("/{job_id}")
async def show_job(page: PageDep, job_id: JobId) -> Response:
    return page.render("jobs/show.html", job=await page.services.jobs.get(page.tenant_id, job_id))


@router.get("/{job_id}/events")
async def follow_job(page: PageDep, job_id: JobId) -> Response:
    """The job's part of the page whenever it changes; `job.done` is the last."""
    job = await page.services.jobs.get(page.tenant_id, job_id)

    def drawn(event: JobEvent) -> str:
        return page.html("jobs/_job.html", job=event.job, told=True)

    watched = page.services.jobs.watch(page.tenant_id, job.id)
    return EventStream(watched, data_of=drawn, permit=page.permit())


@router.post("/{job_id}/cancel")
async def cancel_job(page: PageDep, job_id: JobId) -> Response:
    await page.services.jobs.cancel(page.tenant_id, job_id)
    return page.go(f"/console/jobs/{job_id}", "Stopped. Documents that are stored already stay.")
