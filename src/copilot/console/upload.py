"""Uploading files: each upload becomes a job, so that nobody waits with an open form."""

from typing import Annotated

from fastapi import File, Form, UploadFile
from fastapi.responses import Response

from copilot.console.page import PageDep
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.errors import InvalidInput

router = page_router("upload", Scope.KNOWLEDGE_WRITE)
MOST_BYTES = 64 * 1024 * 1024
"""Of all files together; the server refuses more."""


@router.get("")
async def upload_form(page: PageDep) -> Response:
    return page.render("jobs/upload.html", most_bytes=MOST_BYTES)


@router.post("")
async def upload(
    page: PageDep,
    files: Annotated[list[UploadFile], File()],
    *,
    dry_run: Annotated[bool, Form()] = False,
) -> Response:
    """Reads each file by itself: what cannot be read is refused in the job's report."""
    given = [(file.filename, await file.read()) for file in files if file.filename]
    if not given:
        raise InvalidInput("No file was chosen.", hint="Drop files on the page, or choose some.")
    job = await page.services.jobs.submit_files(page.tenant_id, page.principal.id, given, dry_run=dry_run)
    return page.go(f"/console/jobs/{job.id}")
