"""Documents and passages as rows, and the reads that every search waits for."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
import orjson

from copilot.adapters.sql.knowledge_tables import passages
from copilot.domain.knowledge import Audience, DocumentFacts, KnowledgeDocument, Passage
from copilot.ports import Vectors

VECTOR = np.dtype("<f4")
VectorKey = Literal["id", "content_hash"]

PASSAGE_COLUMNS = [column for column in passages.c if column.name not in {"row", "tenant_id", "searchable"}]


def document_facts(document: KnowledgeDocument) -> DocumentFacts:
    values = {name: getattr(document, name) for name in DocumentFacts._fields}
    return DocumentFacts(**{**values, "tags": frozenset(document.tags)})


def document_row(document: KnowledgeDocument) -> dict[str, Any]:
    named = document.model_dump(
        include={"id", "tenant_id", "external_id", "version", "content_hash", "source", "quarantined"}
    )
    return {**named, "body": document.model_dump_json()}


def passage_row(passage: Passage, tenant_id: str, searchable: bool) -> dict[str, Any]:
    values = passage.model_dump(mode="json")
    values["heading_path"] = json.dumps(passage.heading_path, ensure_ascii=False)
    return {**values, "tenant_id": tenant_id, "searchable": int(searchable)}


def passage_of(row: Any) -> Passage:  # noqa: ANN401 - a row of more columns than it can type
    values = {column.name: getattr(row, column.name) for column in PASSAGE_COLUMNS}
    values["heading_path"] = tuple(json.loads(values["heading_path"]))
    return Passage(**values)


def read_documents(connection: sqlite3.Connection, ids: Sequence[str]) -> list[KnowledgeDocument]:
    statement = "SELECT body FROM documents WHERE id IN (SELECT value FROM json_each(?))"
    rows = connection.execute(statement, (json.dumps(list(ids)),))
    return [KnowledgeDocument.model_validate_json(body) for (body,) in rows]


def read_document_facts(connection: sqlite3.Connection, ids: Sequence[str]) -> list[DocumentFacts]:
    """From what is kept beside the documents, whose text may be long."""
    statement = (
        "SELECT json_group_array(json_array("
        "d.id, d.content_hash, d.external_id, d.version, f.audience, f.locale, f.product, json(f.tags), "
        "f.valid_from, f.valid_to, CASE WHEN f.superseded THEN json_extract(d.body, '$.superseded_by') END)) "
        "FROM documents AS d JOIN document_facets AS f ON f.document_id = d.id "
        "WHERE d.id IN (SELECT value FROM json_each(?))"
    )
    (rows,) = connection.execute(statement, (json.dumps(list(ids)),)).fetchone()
    return [_facts_of(row) for row in orjson.loads(rows)]


def _facts_of(row: Sequence[Any]) -> DocumentFacts:
    facts = DocumentFacts(*row)
    return facts._replace(
        audience=Audience(facts.audience),
        tags=frozenset(facts.tags),
        valid_from=_day(facts.valid_from),
        valid_to=_day(facts.valid_to),
    )


def _day(text: Any) -> date | None:  # noqa: ANN401 - as it was read
    return None if text is None else date.fromisoformat(text)


def read_passage_ids(connection: sqlite3.Connection, tenant_id: str, limit: int) -> list[str]:
    """Of at most so many that may be shown, in the order in which they were written."""
    statement = (
        "SELECT json_group_array(id) FROM "
        "(SELECT id FROM passages WHERE tenant_id = ? AND searchable = 1 ORDER BY row LIMIT ?)"
    )
    (ids,) = connection.execute(statement, (tenant_id, limit)).fetchone()
    return list(orjson.loads(ids))


def read_passages(connection: sqlite3.Connection, ids: Sequence[str]) -> list[tuple[Passage, str]]:
    """With the content hash of each one's document."""
    names = [column.name for column in PASSAGE_COLUMNS]
    columns = ", ".join(f'p."{name}"' for name in names)
    statement = (
        f"SELECT d.content_hash, {columns} FROM passages AS p "  # noqa: S608 - our own columns
        "JOIN documents AS d ON d.id = p.document_id WHERE p.id IN (SELECT value FROM json_each(?))"
    )
    found = []
    for document_hash, *row in connection.execute(statement, (json.dumps(list(ids)),)):
        values = dict(zip(names, row, strict=True))
        values["heading_path"] = tuple(json.loads(values["heading_path"]))
        found.append((Passage(**values), document_hash))
    return found


def read_vectors(
    connection: sqlite3.Connection, names: Sequence[str], model_id: str, *, by: VectorKey
) -> tuple[list[str], Vectors]:
    """Of passages or contents, those that have one, and a row for each."""
    source = (
        "embeddings AS e"
        if by == "content_hash"
        else "passages AS p JOIN embeddings AS e USING (content_hash)"
    )
    # Blobs are put behind each other as text is, and then are one blob again.
    statement = (
        f"SELECT json_group_array({by}), CAST(group_concat(e.vector, '') AS BLOB) FROM {source} "  # noqa: S608
        f"WHERE e.model_id = ? AND {by} IN (SELECT value FROM json_each(?))"
    )
    found, vectors = connection.execute(statement, (model_id, json.dumps(list(names)))).fetchone()
    identities: list[str] = orjson.loads(found)
    if not identities:
        return [], np.empty((0, 0), dtype=np.float32)
    return identities, np.frombuffer(vectors, dtype=VECTOR).reshape(len(identities), -1)


def read_facts(
    connection: sqlite3.Connection, tenant_id: str, passage_ids: Sequence[str]
) -> list[tuple[str, str, str, str, str, str]]:
    """(id, document id, document's content hash, content hash, context, text) of those that may be shown."""
    # The plus keeps SQLite from going through all of the tenant's passages by their index instead.
    statement = (
        "SELECT json_group_array("
        "json_array(p.id, p.document_id, d.content_hash, p.content_hash, p.context, p.text)) "
        "FROM passages AS p JOIN documents AS d ON d.id = p.document_id "
        "WHERE +p.tenant_id = ? AND +p.searchable = 1 AND p.id IN (SELECT value FROM json_each(?))"
    )
    (rows,) = connection.execute(statement, (tenant_id, json.dumps(list(passage_ids)))).fetchone()
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in orjson.loads(rows)]
