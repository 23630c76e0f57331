"""The words of one tenant's passages in SQLite FTS5."""

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql.knowledge_tables import full_text_table
from copilot.domain.words import content_words

TOKENIZER = "porter unicode61"
MAX_TERMS = 512
"""Of a text the first different words: in a long one it is the many common ones that tell passages apart."""


async def create(connection: AsyncConnection, tenant_id: str) -> None:
    """The words of passages; the text itself stays in `passages`."""
    await connection.execute(
        text(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {full_text_table(tenant_id)} USING fts5("
            "context, text, content='passages', content_rowid='row', "
            f"tokenize='{TOKENIZER}')"
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


def query_words(query: str) -> list[str]:
    """Of a query's different words those that are looked for."""
    return content_words(query)[:MAX_TERMS]
