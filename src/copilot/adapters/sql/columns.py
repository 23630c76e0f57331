"""Column types that several tables share."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, Integer, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept as ISO 8601 text in UTC with microseconds, so that text order is time order."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromisoformat(value)


BIG_INTEGER = BigInteger().with_variant(Integer(), "sqlite")
"""Of 64 bits on both; SQLite's integers always are."""


class TextBytes(FunctionElement[bytes]):
    """A text column as the bytes it is kept in."""

    inherit_cache = True


class JsonTexts(FunctionElement[str]):
    """The texts of a JSON list, to be looked for with `is_among`: one parameter, however many they are."""

    inherit_cache = True


class JsonField(FunctionElement[str]):
    """A value inside a column of JSON text, as text: `JsonField(events.c.event, "data", "speaker")`."""

    inherit_cache = True
    type = Text()

    def __init__(self, column: ColumnElement[str], *path: str) -> None:
        super().__init__(column, *(literal(name) for name in path))


class BeforeSlash(FunctionElement[str]):
    """A text up to its first slash."""

    inherit_cache = True
    type = Text()


def is_among(value: Any, texts: JsonTexts) -> Any:  # noqa: ANN401 - columns
    return value.op("IN", is_comparison=True)(texts)


@compiles(TextBytes)
def _text_bytes(element: TextBytes, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - its protocol
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(TextBytes, "postgresql")
def _text_bytes_postgres(element: TextBytes, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"convert_to({compiler.process(element.clauses, **options)}, 'UTF8')"


@compiles(JsonTexts)
def _json_texts(element: JsonTexts, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"  # noqa: S608


@compiles(JsonTexts, "postgresql")
def _json_texts_postgres(element: JsonTexts, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    # What an escaped NUL is kept as: PostgreSQL's texts have none, and its functions refuse to read one.
    listed = f"replace({compiler.process(element.clauses, **options)}, '\\u0000', '\\ufffd')"
    return f"(SELECT json_array_elements_text(CAST({listed} AS json)))"


@compiles(JsonField)
def _json_field(element: JsonField, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    column, *path = (compiler.process(clause, **options) for clause in element.clauses)
    keys = " || '.' || ".join(path)
    return f"json_extract({column}, '$.' || {keys})"


@compiles(JsonField, "postgresql")
def _json_field_postgres(element: JsonField, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    column, *path = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(CAST({column} AS json) #>> ARRAY[{', '.join(path)}]::text[])"


@compiles(BeforeSlash)
def _before_slash(element: BeforeSlash, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    text = compiler.process(element.clauses, **options)
    return f"substr({text}, 1, instr({text} || '/', '/') - 1)"


@compiles(BeforeSlash, "postgresql")
def _before_slash_postgres(element: BeforeSlash, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"split_part({compiler.process(element.clauses, **options)}, '/', 1)"
