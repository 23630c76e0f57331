"""Questions and answers in a CSV file: columns question, answer, and optionally tags, audience, locale."""

import csv
import io
from collections.abc import Mapping, Sequence
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
        groups: dict[tuple[Audience, str], list[dict[str, str]]] = {}
        for row in _rows(decode(content, where=source), source, known):
            key = (Audience(row["audience"]), row["locale"])
            groups.setdefault(key, []).append(row)
        if not groups:
            raise UnreadableDocument("the file has no rows.", hint=_EXPECTED, where=source)
        base = known.id or external_id
        return tuple(
            _document(rows, audience, locale, known, base, source)
            for (audience, locale), rows in groups.items()
        )


def _document(
    rows: list[dict[str, str]], audience: Audience, locale: str, known: Metadata, base: str, source: str
) -> ParsedDocument:
    builder = DocumentBuilder()
    for row in rows:
        builder.heading(_QUESTION_LEVEL, row["question"])
        for paragraph in row["answer"].split("\n"):
            builder.paragraph(paragraph)
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


def _rows(text: str, source: str, known: Metadata) -> list[dict[str, str]]:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip().lower() for column in next(reader, [])]
        unknown = [column for column in columns if column not in _COLUMNS]
        missing = [column for column in _NEEDED if column not in columns]
        if missing or unknown:
            problem = f"lacks the column `{missing[0]}`" if missing else f"has a column `{unknown[0]}`"
            raise UnreadableDocument(f"line 1 {problem}.", hint=_EXPECTED, where=source)
        return [
            _row(dict(zip(columns, cells, strict=False)), len(cells) == len(columns), line, source, known)
            for cells in reader
            if (line := reader.line_num) and any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise UnreadableDocument(
            f"line {reader.line_num} is not CSV: {error}.", hint=_EXPECTED, where=source
        ) from error


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
