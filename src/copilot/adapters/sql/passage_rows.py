"""The rows that a search waits for, each asked for in one visit to the database."""

from collections.abc import Sequence
from typing import Protocol

from copilot.adapters.sql.knowledge_rows import (
    VectorKey,
    read_document_facts,
    read_documents,
    read_facts,
    read_passages,
    read_vectors,
)
from copilot.adapters.sql.readers import Readers
from copilot.domain.knowledge import DocumentFacts, KnowledgeDocument, Passage
from copilot.ports import Vectors

FactsRow = tuple[str, str, str, str, str, str]
"""(id, document id, document's content hash, content hash, context, text)"""
NamedVectors = tuple[list[str], Vectors]


class PassageRows(Protocol):
    """What `PassageReader` does not remember."""

    async def facts_and_vectors(
        self, tenant_id: str, passage_ids: Sequence[str], embedded: Sequence[str], model_id: str
    ) -> tuple[list[FactsRow], NamedVectors]:
        """Of passages that may be shown; the vectors of those among `embedded` that have one."""

    async def document_facts(self, document_ids: Sequence[str]) -> list[DocumentFacts]: ...

    async def documents_and_passages(
        self, document_ids: Sequence[str], passage_ids: Sequence[str]
    ) -> tuple[list[KnowledgeDocument], list[tuple[Passage, str]]]:
        """Each passage with the content hash of its document."""

    async def vectors(self, names: Sequence[str], model_id: str, *, by: VectorKey) -> NamedVectors:
        """Of passages or contents, those that have one."""


class SqlitePassageRows:
    """By plain connections, whose driver takes Python's lock anew for every row: many searches at once would
    fight for it, so that what comes in many rows is put together inside SQLite and handed over in one.
    """

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def facts_and_vectors(
        self, tenant_id: str, passage_ids: Sequence[str], embedded: Sequence[str], model_id: str
    ) -> tuple[list[FactsRow], NamedVectors]:
        return await self._readers.read(
            lambda connection: (
                read_facts(connection, tenant_id, passage_ids),
                read_vectors(connection, embedded, model_id, by="id"),
            )
        )

    async def document_facts(self, document_ids: Sequence[str]) -> list[DocumentFacts]:
        return await self._readers.read(lambda connection: read_document_facts(connection, document_ids))

    async def documents_and_passages(
        self, document_ids: Sequence[str], passage_ids: Sequence[str]
    ) -> tuple[list[KnowledgeDocument], list[tuple[Passage, str]]]:
        return await self._readers.read(
            lambda connection: (
                read_documents(connection, document_ids),
                read_passages(connection, passage_ids),
            )
        )

    async def vectors(self, names: Sequence[str], model_id: str, *, by: VectorKey) -> NamedVectors:
        return await self._readers.read(lambda connection: read_vectors(connection, names, model_id, by=by))
