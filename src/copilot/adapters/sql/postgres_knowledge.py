"""The knowledge store on PostgreSQL: what on SQLite is read by plain connections, and its keyword search."""

import json
from collections.abc import Sequence

from sqlalchemy import select

from copilot.adapters.sql.columns import JsonTexts, is_among
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_rows import PASSAGE_COLUMNS, passage_of
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.sql.knowledge_tables import documents, embeddings, passages
from copilot.adapters.sql.postgres_keywords import PostgresKeywords, PostgresWords
from copilot.domain.knowledge import KnowledgeDocument, Passage


class PostgresKnowledgeStore(SqlKnowledgeStore):
    """The KnowledgeStore port on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._words = PostgresWords()
        self._keywords = PostgresKeywords(database)

    async def _read_keys(self, tenant_id: str, passage_ids: Sequence[str]) -> list[tuple[str, str, str]]:
        statement = (
            select(passages.c.id, passages.c.document_id, documents.c.content_hash)
            .join(documents, documents.c.id == passages.c.document_id)
            .where(passages.c.tenant_id == tenant_id, passages.c.searchable == 1)
            .where(is_among(passages.c.id, _texts(passage_ids)))
        )
        async with self._database.peek() as connection:
            return [(row[0], row[1], row[2]) for row in await connection.execute(statement)]

    async def _read_whole(
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

    async def _read_vectors(self, content_hashes: Sequence[str], model_id: str) -> list[tuple[str, bytes]]:
        statement = select(embeddings.c.content_hash, embeddings.c.vector).where(
            embeddings.c.model_id == model_id, is_among(embeddings.c.content_hash, _texts(content_hashes))
        )
        async with self._database.peek() as connection:
            return [(row[0], row[1]) for row in await connection.execute(statement)]


def _texts(values: Sequence[str]) -> JsonTexts:
    return JsonTexts(json.dumps(list(values)))
