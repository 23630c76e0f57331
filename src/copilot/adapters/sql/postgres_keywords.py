"""BM25 on PostgreSQL: text vectors under a GIN index, ranked by what FTS5 would say of the same words."""

import json
import math
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql import full_text
from copilot.adapters.sql.columns import JsonTexts, is_among
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_tables import passages
from copilot.adapters.sql.tenant_scope import working_for
from copilot.adapters.sql.tokens import FREQUENCY_STEPS, lexeme, stems, text_vector, word_counts

_LEAST_WEIGHT = 1e-6
"""FTS5's, for a word that more than half of the passages have."""

_ADD = text(
    "SELECT words_add(:tenant, CAST(:rows AS bigint[]), CAST(:lengths AS bigint[]), CAST(:texts AS text[]))"
)
_KNOWN = text("SELECT * FROM words_known(:tenant, CAST(:words AS text[]))")
_MATCH = text(
    "SELECT p.id, m.score FROM words_match("
    ":tenant, CAST(:rare AS tsquery[]), CAST(:rare_weights AS float8[]), "
    "CAST(:common AS tsquery[]), CAST(:common_weights AS float8[]), :average, CAST(:steps AS float8[]), "
    'CAST(:only AS bigint[]), :most) AS m JOIN passages AS p ON p."row" = m."row" '
    'WHERE p.tenant_id = :tenant ORDER BY m.score DESC, m."row"'
)
_ROWS_OF = text('SELECT "row" FROM passages WHERE tenant_id = :tenant AND id = ANY(CAST(:ids AS text[]))')

WAITED_ROWS = 4_000
"""So many rows one query waits for; its rarest word always."""
WAITED_ROWS_A_WORD = 200
"""Of a long text more: its rarest words alone would mislead."""


class PostgresWords:
    """The `Words` of passages, within the caller's transaction."""

    async def create(self, connection: AsyncConnection, tenant_id: str) -> None:
        await connection.execute(text("SELECT words_partition(:tenant)"), {"tenant": tenant_id})

    async def add(self, connection: AsyncConnection, tenant_id: str, document_ids: Sequence[str]) -> None:
        if not document_ids:
            return
        of = is_among(passages.c.document_id, JsonTexts(bindparam("ids", json.dumps(list(document_ids)))))
        statement = select(passages.c.row, passages.c.context, passages.c.text).where(of)
        rows = (await connection.execute(statement.order_by(passages.c.row))).all()
        counted = word_counts([(row.context, row.text) for row in rows])
        values = {
            "tenant": tenant_id,
            "rows": [row.row for row in rows],
            "lengths": [counts.total() for counts in counted],
            "texts": [text_vector(counts) for counts in counted],
        }
        await connection.execute(_ADD, values)

    async def remove(self, connection: AsyncConnection, tenant_id: str, rows: Sequence[int]) -> None:
        statement = text("SELECT words_remove(:tenant, CAST(:rows AS bigint[]))")
        if rows:
            await connection.execute(statement, {"tenant": tenant_id, "rows": list(rows)})


class PostgresKeywords:
    """BM25 over each tenant's passages; nothing is kept in memory, so any number of processes may write.

    As on SQLite a query waits for so many rows and always for its rarest word. The words that are left over
    find nothing by themselves, but weigh in what the others found.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def match(
        self, tenant_id: str, query: str, limit: int, *, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """(passage id, BM25), best first; `among` names the only passages wanted."""
        if not (words := full_text.query_words(query)):
            return []
        wanted = stems(words)

        def look(connection: Connection) -> list[tuple[str, float]]:
            known = connection.execute(_KNOWN, {"tenant": tenant_id, "words": list(wanted)}).all()
            if not known:
                return []
            total, length = known[0].all_passages, known[0].all_length
            rare, common = _split(sorted((row.passages, row.word) for row in known), len(wanted))
            only = None
            if among is not None:
                ids = {"tenant": tenant_id, "ids": list(among)}
                only = list(connection.scalars(_ROWS_OF, ids))
            values = {
                "tenant": tenant_id,
                "rare": [lexeme(word) for _, word in rare],
                "rare_weights": [wanted[word] * _weight(count, total) for count, word in rare],
                "common": [lexeme(word) for _, word in common],
                "common_weights": [wanted[word] * _weight(count, total) for count, word in common],
                "average": length / total,
                "steps": list(FREQUENCY_STEPS),
                "only": only,
                "most": limit,
            }
            return [(row.id, row.score) for row in connection.execute(_MATCH, values)]

        with working_for(tenant_id):
            return await self._database.look(look)

    def forget(self, tenant_id: str) -> None:
        """Nothing to forget."""

    async def close(self) -> None:
        """Nothing to release."""


Counted = list[tuple[int, str]]


def _split(words: Counted, asked: int) -> tuple[Counted, Counted]:
    """Rarest first: those that one query may wait for, and the others."""
    most, waited = max(WAITED_ROWS, WAITED_ROWS_A_WORD * asked), 0
    for place, (count, _) in enumerate(words):
        waited += count
        if place and waited > most:
            return words[:place], words[place:]
    return words, []


def _weight(passages_with: int, total: int) -> float:
    """FTS5's inverse document frequency."""
    weight = math.log((total - passages_with + 0.5) / (passages_with + 0.5))
    return weight if weight > 0 else _LEAST_WEIGHT
