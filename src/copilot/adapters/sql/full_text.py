"""BM25 over one tenant's passages with SQLite FTS5."""

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql.knowledge_tables import full_text_table
from copilot.domain.words import content_words

# Headings say what a passage is about in few words.
CONTEXT_WEIGHT = 1.0
TEXT_WEIGHT = 1.0
MAX_TERMS = 96
"""Of a long text the first different words; more cost time and say little."""


async def create(connection: AsyncConnection, tenant_id: str) -> None:
    """The words of passages; the text itself stays in `passages`."""
    await connection.execute(
        text(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {full_text_table(tenant_id)} USING fts5("
            "context, text, content='passages', content_rowid='row', tokenize='porter unicode61')"
        )
    )


async def add(connection: AsyncConnection, tenant_id: str, document_ids: Sequence[str]) -> None:
    """The words of the documents' passages."""
    table = full_text_table(tenant_id)
    statement = text(
        f"INSERT INTO {table}(rowid, context, text) SELECT row, context, text FROM passages "  # noqa: S608
        "WHERE document_id IN (SELECT value FROM json_each(:documents)) ORDER BY row"
    )
    if document_ids:
        await connection.execute(statement, {"documents": json.dumps(list(document_ids))})


async def remove(connection: AsyncConnection, tenant_id: str, rows: Sequence[int]) -> None:
    """Call before the passages are deleted: FTS5 needs the words it is to forget."""
    table = full_text_table(tenant_id)
    statement = text(
        f"INSERT INTO {table}({table}, rowid, context, text) "  # noqa: S608
        "SELECT 'delete', row, context, text FROM passages WHERE row = :row"
    )
    if rows:
        await connection.execute(statement, [{"row": row} for row in rows])


async def match(
    connection: AsyncConnection,
    tenant_id: str,
    query: str,
    limit: int,
    *,
    among: Sequence[str] | None = None,
) -> list[tuple[str, float]]:
    """(passage id, BM25), best first; nothing when the tenant has no passage or the query no word.

    `among` names the only passages wanted; words weigh as they do among all.
    """
    expression = match_expression(query)
    if not expression:
        return []
    table = full_text_table(tenant_id)
    wanted = "" if among is None else "AND p.id IN (SELECT value FROM json_each(:among)) "
    statement = text(
        f"SELECT p.id, -f.rank FROM {table} AS f JOIN passages AS p ON p.row = f.rowid "  # noqa: S608
        f"WHERE {table} MATCH :query AND f.rank MATCH 'bm25({CONTEXT_WEIGHT}, {TEXT_WEIGHT})' "
        f"{wanted}ORDER BY f.rank LIMIT :limit"
    )
    parameters: dict[str, object] = {"query": expression, "limit": limit}
    if among is not None:
        parameters["among"] = json.dumps(list(among))
    try:
        found = await connection.execute(statement, parameters)
    except OperationalError as error:
        if "no such table" in str(error.orig):
            return []
        raise
    return [(identity, score) for identity, score in found]


def match_expression(query: str) -> str:
    """An FTS5 expression that matches any of the query's words: quoted, so that none is syntax."""
    return " OR ".join(f'"{word}"' for word in content_words(query)[:MAX_TERMS])
