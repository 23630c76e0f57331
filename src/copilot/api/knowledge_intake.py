"""Handing knowledge in: many files, or many documents as lines of JSON; seeing what comes of it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, File, Query, Request, UploadFile
from pydantic import ValidationError

from copilot.api.access import KnowledgeReader, KnowledgeWriter, ServicesDep
from copilot.api.knowledge import ExternalId, Version
from copilot.api.routing import v1_router
from copilot.api.schemas import MAX_DOCUMENT_CHARACTERS, BulkDocument
from copilot.domain.errors import InvalidInput
from copilot.domain.ingest import IngestReport
from copilot.domain.knowledge import Passage, Refusal
from copilot.retrieval.library import UploadPlan, Written

router: APIRouter = v1_router("knowledge")

_MAX_LINE_BYTES = 4 * MAX_DOCUMENT_CHARACTERS
_MAX_LINES = 10_000
_EXPECTED = 'Expected {"external_id": …, "title": …, "text": …} on one line; `metadata` may say more.'
_NDJSON = {"application/x-ndjson": {"schema": {"type": "string", "description": _EXPECTED}}}

Files = Annotated[list[UploadFile], File(description="Documents, or zip archives of them.")]
DryRun = Annotated[bool, Query(description="Only say what would happen, with the passages; store nothing.")]


@router.post("/knowledge/uploads", operation_id="upload_documents")
async def upload_documents(
    files: Files, principal: KnowledgeWriter, services: ServicesDep, *, dry_run: DryRun = False
) -> IngestReport | UploadPlan:
    """Reads each file by itself: what cannot be read is refused in the report, and the rest goes in."""
    given = await read_uploads(files)
    if dry_run:
        return await services.library.plan_files(principal.tenant_id, given)
    return await services.library.add_files(principal.tenant_id, given)


@router.post(
    "/knowledge/documents/bulk",
    operation_id="put_documents",
    openapi_extra={"requestBody": {"required": True, "content": _NDJSON}},
)
async def put_documents(
    request: Request, principal: KnowledgeWriter, services: ServicesDep, *, dry_run: DryRun = False
) -> IngestReport | UploadPlan:
    """Adds or replaces a document for each line of JSON. A line that is wrong is refused by its number."""
    documents, refused = _lines(await request.body())
    if not documents and not refused:
        raise InvalidInput("there is no line in the body", where="body", hint=_EXPECTED)
    if dry_run:
        return await services.library.plan_many(principal.tenant_id, documents, refused)
    return await services.library.put_many(principal.tenant_id, documents, refused)


@router.get("/knowledge/documents/{external_id}/passages", operation_id="list_passages")
async def list_passages(
    external_id: ExternalId, principal: KnowledgeReader, services: ServicesDep, version: Version = None
) -> list[Passage]:
    """The passages of that version, or of the newest, in reading order, as the index sees them."""
    return list(await services.library.passages(principal.tenant_id, external_id, version))


async def read_uploads(files: Sequence[UploadFile]) -> list[tuple[str, bytes]]:
    """(file name, bytes). `InvalidInput` for a file without a name: its ending says what it is."""
    given = []
    for number, file in enumerate(files):
        if not file.filename:
            raise InvalidInput(
                "the file has no name", where=f"body.files.{number}", hint="Its ending says what it is."
            )
        given.append((file.filename, await file.read()))
    return given


def _lines(body: bytes) -> tuple[list[Written], list[Refusal]]:
    documents: list[Written] = []
    refused: list[Refusal] = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        if len(documents) + len(refused) >= _MAX_LINES:
            raise InvalidInput(
                f"there are more than {_MAX_LINES:,} lines", where="body", hint="Send several requests."
            )
        place = f"line {number}"
        try:
            given = BulkDocument.model_validate_json(line[: _MAX_LINE_BYTES + 1])
        except ValidationError as error:
            refused.append(Refusal(source=place, reason=_first_problem(error), hint=_EXPECTED))
            continue
        documents.append(
            Written(
                external_id=given.external_id,
                title=given.title,
                text=given.text,
                metadata=given.metadata.model_dump(exclude_unset=True),
                place=place,
            )
        )
    return documents, refused


def _first_problem(error: ValidationError) -> str:
    """What was expected where; never the line itself."""
    first = error.errors(include_input=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        return f"it is not JSON: {first['ctx']['error']}."
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}." if place else f"{first['msg']}."
