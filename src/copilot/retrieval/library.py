"""Adding and removing single documents, as the API does it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import KnowledgeDocument, ParsedDocument
from copilot.ports import DocumentLoader, KnowledgeStore
from copilot.retrieval.ingest import Ingestor

_UPLOADED = "upload/"


class Library:
    """Makes documents part of a tenant's knowledge, whole or not at all, and takes them out."""

    def __init__(
        self, ingestor: Ingestor, store: KnowledgeStore, loader_for: Callable[[str], DocumentLoader | None]
    ) -> None:
        self._ingestor = ingestor
        self._store = store
        self._loader_for = loader_for

    async def add_file(self, tenant_id: str, file_name: str, content: bytes) -> Sequence[KnowledgeDocument]:
        """The documents of one uploaded file. `UnreadableDocument`, or `InvalidInput` for its kind."""
        name = PurePath(file_name.replace("\\", "/")).name
        loader = self._loader_for(PurePath(name).suffix)
        if loader is None:
            raise InvalidInput(
                f"files of the kind `{PurePath(name).suffix or name}` cannot be read.",
                hint="Send Markdown, HTML, PDF, DOCX or a CSV of questions and answers.",
                where=name,
            )
        parsed = loader.load(content, external_id=PurePath(name).stem, source=_UPLOADED + name, metadata={})
        return [await self._put(tenant_id, document) for document in parsed]

    async def put_markdown(
        self, tenant_id: str, external_id: str, title: str, text: str, metadata: Mapping[str, Any]
    ) -> KnowledgeDocument:
        """One document from Markdown; `metadata` holds fields of ParsedDocument."""
        loader = self._loader_for(".md")
        if loader is None:
            raise InvalidInput("Markdown cannot be read here.", where=external_id)
        known = {"id": external_id, "title": title, **metadata}
        (parsed,) = loader.load(
            text.encode(), external_id=external_id, source=_UPLOADED + external_id, metadata=known
        )
        return await self._put(tenant_id, parsed)

    async def remove(self, tenant_id: str, external_id: str, version: str | None) -> None:
        """`NotFound` when there is no such document."""
        await self._ingestor.delete(tenant_id, external_id, version)

    async def _put(self, tenant_id: str, parsed: ParsedDocument) -> KnowledgeDocument:
        await self._ingestor.put(tenant_id, parsed)
        return await self._store.get_document(tenant_id, parsed.external_id, parsed.version)
