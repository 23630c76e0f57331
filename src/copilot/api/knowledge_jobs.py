"""Ingest in the background: start it, follow it, stop it."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from copilot.api.access import KnowledgeWriter, ServicesDep, permit_of
from copilot.api.knowledge_intake import DryRun, Files, read_uploads
from copilot.api.paging import Cursor, Limit, page_of
from copilot.api.routing import v1_router
from copilot.api.schemas import Page, StartJob
from copilot.domain.ingest import ConfiguredSource, IngestJob
from copilot.web.sse import EventStream

router: APIRouter = v1_router("knowledge")

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]+$", max_length=100)]


@router.get("/knowledge/sources", operation_id="list_sources")
async def list_sources(principal: KnowledgeWriter, services: ServicesDep) -> list[ConfiguredSource]:
    """The sources that have been described, which a job may ingest by name."""
    return await asyncio.to_thread(services.sources.sources, principal.tenant_id)


@router.post("/knowledge/jobs", status_code=202, operation_id="start_job")
async def start_job(body: StartJob, principal: KnowledgeWriter, services: ServicesDep) -> IngestJob:
    """Queues the ingest of a configured source: afterwards the knowledge is equal to it."""
    return await services.jobs.submit_source(
        principal.tenant_id, principal.id, body.source, dry_run=body.dry_run
    )


@router.post("/knowledge/jobs/uploads", status_code=202, operation_id="start_upload_job")
async def start_upload_job(
    files: Files, principal: KnowledgeWriter, services: ServicesDep, *, dry_run: DryRun = False
) -> IngestJob:
    """Queues the ingest of uploaded files; they are kept until the job has ended, also over a restart."""
    given = await read_uploads(files)
    return await services.jobs.submit_files(principal.tenant_id, principal.id, given, dry_run=dry_run)


@router.get("/knowledge/jobs", operation_id="list_jobs")
async def list_jobs(
    principal: KnowledgeWriter, services: ServicesDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[IngestJob]:
    """Newest first."""
    return await page_of(services.jobs.list_jobs, principal.tenant_id, cursor, limit)


@router.get("/knowledge/jobs/{job_id}", operation_id="get_job")
async def get_job(job_id: JobId, principal: KnowledgeWriter, services: ServicesDep) -> IngestJob:
    """How it stands; once it has ended, with its report or why it failed."""
    return await services.jobs.get(principal.tenant_id, job_id)


@router.post("/knowledge/jobs/{job_id}/cancel", operation_id="cancel_job")
async def cancel_job(job_id: JobId, principal: KnowledgeWriter, services: ServicesDep) -> IngestJob:
    """Stops it; documents that are stored already stay, whole."""
    return await services.jobs.cancel(principal.tenant_id, job_id)


async def _existing(job_id: JobId, principal: KnowledgeWriter, services: ServicesDep) -> IngestJob:
    """Looked up before the stream starts, while an error can still be answered as one."""
    return await services.jobs.get(principal.tenant_id, job_id)


@router.get(
    "/knowledge/jobs/{job_id}/events",
    status_code=200,
    response_class=EventStream,
    operation_id="stream_job_events",
)
async def stream_job_events(
    request: Request, job: Annotated[IngestJob, Depends(_existing)], services: ServicesDep
) -> EventStream:
    """`job.progress` with the job as it stands, whenever that changes; `job.done` with its report ends it."""
    return EventStream(services.jobs.watch(job.tenant_id, job.id), permit=permit_of(request))
