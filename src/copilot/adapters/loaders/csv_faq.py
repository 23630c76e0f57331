"""Questions and answers in a CSV file: columns question, answer, and optionally tags, audience, locale."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from copilot.adapters.loaders.building import DocumentBuilder, one_line
from copilot.adapters.loaders.encoding import decode
from copilot.adapters.loaders.metadata import Metadata, read_metadata
from copilot.domain.errors import UnreadableDocument
from copilot.domain.knowledge import Audience, ParsedDocument

_NEEDED = ("question", "answer")
_COLUMNS = (*_NEEDED, "tags", "audience", "locale")
_EXPECTED = f"Expected the columns {', '.join(_COLUMNS)}; the first two are needed."
_QUESTION_LEVEL = 2


class CsvFaqLoader:
    """Rows for representatives only become a document of their own, `<id>-internal`."""

    suffixes = frozenset({".csv"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        known = read_metadata(metadata or {}, f"side file {source}.yaml", where=source)
        rows = _read(decode(content, where=source), source)
        return faq_documents(rows, known, known.id or external_id, source, where=source)


def is_faq(header: Sequence[str]) -> bool:
    """Whether a table with these columns holds questions and answers."""
    return set(_NEEDED) <= {column.strip().lower() for column in header}


def faq_documents(
    rows: Sequence[tuple[int, Sequence[str]]],
    known: Metadata,
    base: str,
    source: str,
    *,
    where: str,
    page: int | None = None,
) -> tuple[ParsedDocument, ...]:
    """Documents of rows with their line numbers, the first being the columns. Raises `UnreadableDocument`."""
    groups: dict[tuple[Audience, str], list[dict[str, str]]] = {}
    for row in _checked(rows, where, known):
        key = (Audience(row["audience"]), row["locale"])
        groups.setdefault(key, []).append(row)
    if not groups:
        raise UnreadableDocument("the file has no rows.", hint=_EXPECTED, where=where)
    base = known.id or base
    return tuple(
        _document(found, audience, locale, known, base, source, page)
        for (audience, locale), found in groups.items()
    )


def _document(
    rows: list[dict[str, str]],
    audience: Audience,
    locale: str,
    known: Metadata,
    base: str,
    source: str,
    page: int | None,
) -> ParsedDocument:
    builder = DocumentBuilder()
    for row in rows:
        builder.heading(_QUESTION_LEVEL, row["question"], page=page)
        for paragraph in row["answer"].split("\n"):
            builder.paragraph(paragraph, page=page)
    tags = dict.fromkeys([*(known.tags or ()), *(tag for row in rows for tag in _tags(row))])
    internal = audience is Audience.INTERNAL and known.audience is not Audience.INTERNAL
    foreign = locale != (known.locale or "en")
    identity = f"{base}{'-internal' if internal else ''}{f'-{locale}' if foreign else ''}"
    own = known.model_copy(
        update={"id": identity, "audience": audience, "locale": locale, "tags": tuple(tags)}
    )
    title = known.title or one_line(base.replace("-", " ").replace("_", " ")).capitalize()
    fallback = {"title": title, "kind": "faq"}
    return builder.build(own, external_id=identity, source=source, fallback=fallback)


def _tags(row: Mapping[str, str]) -> list[str]:
    return [tag.strip() for tag in row["tags"].replace(";", ",").split(",") if tag.strip()]


def _read(text: str, source: str) -> list[tuple[int, list[str]]]:
    """Rows with their line numbers, the columns too."""
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise UnreadableDocument(
            f"line {reader.line_num} is not CSV: {error}.", hint=_EXPECTED, where=source
        ) from error


def _checked(
    rows: Sequence[tuple[int, Sequence[str]]], where: str, known: Metadata
) -> Iterator[dict[str, str]]:
    first, header = rows[0] if rows else (1, [])
    columns = [column.strip().lower() for column in header]
    unknown = [column for column in columns if column not in _COLUMNS]
    missing = [column for column in _NEEDED if column not in columns]
    if missing or unknown:
        problem = f"lacks the column `{missing[0]}`" if missing else f"has a column `{unknown[0]}`"
        raise UnreadableDocument(f"line {first} {problem}.", hint=_EXPECTED, where=where)
    for line, cells in rows[1:]:
        if any(cell.strip() for cell in cells):
            row = dict(zip(columns, cells, strict=False))
            yield _row(row, len(cells) == len(columns), line, where, known)


def _row(row: dict[str, str], complete: bool, line: int, source: str, known: Metadata) -> dict[str, str]:
    if not complete:
        raise UnreadableDocument(
            f"line {line} has another number of columns than line 1.",
            hint="Put a text that contains a comma in double quotes.",
            where=source,
        )
    row = {key: value.strip() for key, value in row.items()}
    for column in _NEEDED:
        if not row[column]:
            raise UnreadableDocument(f"line {line} has no {column}.", hint=_EXPECTED, where=source)
    audience = row.get("audience", "").lower() or (known.audience or Audience.PUBLIC).value
    if audience not in set(Audience):
        raise UnreadableDocument(
            f"line {line} has the audience `{audience}`.", hint="Expected public or internal.", where=source
        )
    locale = row.get("locale") or known.locale or "en"
    return {**row, "audience": audience, "locale": locale, "tags": row.get("tags", "")}
