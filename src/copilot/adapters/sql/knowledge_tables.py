"""Tables of documents, passages, vectors, artifacts and gaps, and one full-text table per tenant."""

import hashlib

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from copilot.adapters.sql.columns import BIG_INTEGER, UtcDateTime
from copilot.adapters.sql.database import metadata

documents = Table(
    "documents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("quarantined", Text),
    Column("body", Text, nullable=False),  # the whole KnowledgeDocument as JSON
    UniqueConstraint("tenant_id", "external_id", "version"),
    Index("documents_by_id", "tenant_id", "id"),
)

passages = Table(
    "passages",
    metadata,
    Column("row", BIG_INTEGER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("tenant_id", Text, nullable=False),
    Column("document_id", Text, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("searchable", Integer, nullable=False),
    Column("context", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("heading_path", Text, nullable=False),  # JSON
    Column("clause", Text),
    Column("page", Integer),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("token_count", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Index("passages_by_document", "document_id", "position"),
    Index("passages_by_tenant", "tenant_id", "searchable"),
    Index("passages_by_content", "content_hash"),
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("content_hash", Text, primary_key=True),
    Column("model_id", Text, primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian
)

quarantine_decisions = Table(
    "quarantine_decisions",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("decision", Text, nullable=False),  # JSON
)

file_stamps = Table(
    "file_stamps",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("stamp", Text, nullable=False),
    Column("given", Text, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

gaps = Table(
    "knowledge_gaps",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("conversation_id", Text),
    Column("asked_at", UtcDateTime, nullable=False),
    Index("knowledge_gaps_by_tenant", "tenant_id", "id"),
)


def full_text_table(tenant_id: str) -> str:
    """The tenant's own full-text table, so that no tenant's words weigh in another's ranking.

    A hash, because a name in SQL cannot be a parameter.
    """
    return f"passage_words_{hashlib.sha256(tenant_id.encode()).hexdigest()[:24]}"
