"""The rows that a search waits for, on PostgreSQL."""

import json
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql.columns import JsonTexts, is_among
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_rows import PASSAGE_COLUMNS, VECTOR, VectorKey, document_facts, passage_of
from copilot.adapters.sql.knowledge_tables import documents, embeddings, passages
from copilot.adapters.sql.passage_rows import FactsRow, NamedVectors
from copilot.domain.knowledge import DocumentFacts, KnowledgeDocument, Passage


class PostgresPassageRows:
    """The PassageRows of a PostgreSQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def facts_and_vectors(
        self, tenant_id: str, passage_ids: Sequence[str], embedded: Sequence[str], model_id: str
    ) -> tuple[list[FactsRow], NamedVectors]:
        facts = (
            select(
                passages.c.id,
                passages.c.document_id,
                documents.c.content_hash.label("document_hash"),
                passages.c.content_hash,
                passages.c.context,
                passages.c.text,
            )
            .join(documents, documents.c.id == passages.c.document_id)
            .where(passages.c.tenant_id == tenant_id, passages.c.searchable == 1)
            .where(is_among(passages.c.id, _texts(passage_ids)))
        )
        async with self._database.read() as connection:
            rows = [tuple(row) for row in await connection.execute(facts)]
            return rows, await _read_vectors(connection, embedded, model_id, "id")

    async def document_facts(self, document_ids: Sequence[str]) -> list[DocumentFacts]:
        documents, _ = await self.documents_and_passages(document_ids, [])
        return [document_facts(document) for document in documents]

    async def documents_and_passages(
        self, document_ids: Sequence[str], passage_ids: Sequence[str]
    ) -> tuple[list[KnowledgeDocument], list[tuple[Passage, str]]]:
        bodies = select(documents.c.body).where(is_among(documents.c.id, _texts(document_ids)))
        texts = (
            select(documents.c.content_hash.label("document_hash"), *PASSAGE_COLUMNS)
            .join(documents, documents.c.id == passages.c.document_id)
            .where(is_among(passages.c.id, _texts(passage_ids)))
        )
        async with self._database.read() as connection:
            found = [KnowledgeDocument.model_validate_json(body) for body in await connection.scalars(bodies)]
            rows = await connection.execute(texts)
            return found, [(passage_of(row), row.document_hash) for row in rows]

    async def vectors(self, names: Sequence[str], model_id: str, *, by: VectorKey) -> NamedVectors:
        async with self._database.peek() as connection:
            return await _read_vectors(connection, names, model_id, by)


async def _read_vectors(
    connection: AsyncConnection, names: Sequence[str], model_id: str, by: VectorKey
) -> NamedVectors:
    rows = list(await connection.execute(_vectors(names, model_id, by)))
    if not rows:
        return [], np.empty((0, 0), dtype=np.float32)
    joined = np.frombuffer(b"".join(row.vector for row in rows), dtype=VECTOR)
    return [row.name for row in rows], joined.reshape(len(rows), -1)


def _vectors(names: Sequence[str], model_id: str, by: VectorKey) -> Select[tuple[str, bytes]]:
    name = passages.c.id if by == "id" else embeddings.c.content_hash
    query = select(name.label("name"), embeddings.c.vector)
    if by == "id":
        query = query.join(passages, passages.c.content_hash == embeddings.c.content_hash)
    return query.where(embeddings.c.model_id == model_id, is_among(name, _texts(names)))


def _texts(values: Sequence[str]) -> JsonTexts:
    return JsonTexts(json.dumps(list(values)))
