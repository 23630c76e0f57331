"""The search that proves an erasure: every text of every table, for words that must not be there any more."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from copilot.adapters.sql import schema
from copilot.domain.privacy import spellings

_TEXT_AS_BYTES = {"idempotent_requests": "body", "artifacts": "content", "ingest_job_files": "content"}
"""Columns of bytes that are texts; the others are vectors and keys."""


class _Holds(FunctionElement[bool]):
    """Whether bytes stand somewhere in a column of bytes."""

    inherit_cache = True
    type = Boolean()


@compiles(_Holds)
def _holds(element: _Holds, compiler: SQLCompiler, **options: object) -> str:
    column, word = (compiler.process(clause, **options) for clause in element.clauses)
    return f"instr({column}, {word}) > 0"


@compiles(_Holds, "postgresql")
def _holds_postgres(element: _Holds, compiler: SQLCompiler, **options: object) -> str:
    column, word = (compiler.process(clause, **options) for clause in element.clauses)
    return f"position({word} in {column}) > 0"


def rows_holding(connection: Connection, tenant_id: str, words: Sequence[str]) -> Counter[str]:
    """The tenant's rows that hold one of `words`, by table; in any case, or as JSON escapes it."""
    found = Counter[str]()
    for name, table in schema.metadata.tables.items():
        if conditions := list(_conditions(table, words)):
            own = [table.c.tenant_id == tenant_id] if "tenant_id" in table.c else []
            query = select(func.count()).select_from(table).where(*own, or_(*conditions))
            found[name] += connection.scalar(query) or 0
    return +found


def _conditions(table: Table, words: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    forms = sorted({form for word in words for form in spellings(word)})
    for column in table.columns:
        if _TEXT_AS_BYTES.get(table.name) == column.name:
            yield from (_Holds(column, literal(form.encode(), LargeBinary())) for form in forms)
        elif isinstance(column.type, Text):
            text = cast(column, Text)
            yield from (text.contains(form, autoescape=True) for form in forms)
            yield from (func.lower(text).contains(form.lower(), autoescape=True) for form in forms)
