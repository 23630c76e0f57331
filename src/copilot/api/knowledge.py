"""Knowledge: search it, feed it, see where it is thin."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, File, Path, Query, UploadFile

from copilot.api.access import KnowledgeReader, KnowledgeWriter, ServicesDep
from copilot.api.paging import Cursor, Limit, page_of
from copilot.api.routing import v1_router
from copilot.api.schemas import FoundKnowledge, FoundPassage, Page, PutDocument, SearchKnowledge
from copilot.assist.quoting import best_span, cite, is_stale
from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import KnowledgeDocument, ScoredPassage, SearchQuery

router: APIRouter = v1_router("knowledge")

NewExternalId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]
ExternalId = Annotated[str, Path(pattern=r"^[^\x00-\x1f/]+$", max_length=300)]
"""Also what the names of files have made."""
Version = Annotated[str | None, Query(max_length=50, description="One version; without it, see below.")]


@router.post("/knowledge/search", operation_id="search_knowledge")
async def search_knowledge(
    body: SearchKnowledge, principal: KnowledgeReader, services: ServicesDep
) -> FoundKnowledge:
    """The passages that answer the query best, and whether the knowledge base holds the answer at all."""
    found = await services.search.search(
        SearchQuery(
            tenant_id=principal.tenant_id,
            text=body.query,
            history=body.history,
            rewrite=body.rewrite,
            as_of=body.as_of,
            audiences=body.audiences,
            locale=body.locale,
            product=body.product,
            tags=body.tags,
            limit=body.limit,
        )
    )
    today = services.clock.now().date()
    return FoundKnowledge(
        passages=tuple(_found(body.query, scored, today) for scored in found.passages),
        answerable=found.answerable,
        confidence=found.confidence,
    )


def _found(query: str, scored: ScoredPassage, today: date) -> FoundPassage:
    sentence = best_span(query, scored)
    return FoundPassage(
        **dict(scored),
        quote=cite(scored, *sentence) if sentence else None,
        stale=is_stale(scored.document, today),
    )


@router.get("/knowledge/documents", operation_id="list_documents")
async def list_documents(
    principal: KnowledgeReader, services: ServicesDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[KnowledgeDocument]:
    """Every version of every document, quarantined ones too."""
    return await page_of(services.documents.list_documents, principal.tenant_id, cursor, limit)


@router.post("/knowledge/documents", status_code=201, operation_id="upload_document")
async def upload_document(
    file: Annotated[
        UploadFile,
        File(description="Markdown, HTML, PDF, DOCX, PPTX, XLSX, CSV, text, e-mail; or a zip of them."),
    ],
    principal: KnowledgeWriter,
    services: ServicesDep,
) -> list[KnowledgeDocument]:
    """Reads a file and makes it part of the knowledge, whole or not at all."""
    if not file.filename:
        raise InvalidInput("the file has no name", where="body.file", hint="Its ending says what it is.")
    content = await file.read()
    if not content:
        raise InvalidInput("the file is empty", where=f"body.file ({file.filename})")
    return list(await services.library.add_file(principal.tenant_id, file.filename, content))


@router.put("/knowledge/documents/{external_id}", operation_id="put_document")
async def put_document(
    external_id: NewExternalId, body: PutDocument, principal: KnowledgeWriter, services: ServicesDep
) -> KnowledgeDocument:
    """Adds a document, or replaces the same version of it."""
    metadata = body.metadata.model_dump(exclude_unset=True)
    return await services.library.put_markdown(
        principal.tenant_id, external_id, body.title, body.text, metadata
    )


@router.get("/knowledge/documents/{external_id}", operation_id="get_document")
async def get_document(
    external_id: ExternalId, principal: KnowledgeReader, services: ServicesDep, version: Version = None
) -> KnowledgeDocument:
    """That version, or the newest."""
    return await services.documents.get_document(principal.tenant_id, external_id, version)


@router.delete("/knowledge/documents/{external_id}", status_code=204, operation_id="delete_document")
async def delete_document(
    external_id: ExternalId, principal: KnowledgeWriter, services: ServicesDep, version: Version = None
) -> None:
    """Deletes that version, or all."""
    await services.library.remove(principal.tenant_id, external_id, version)
