"""Word documents: headings and lists by their styles, tables in place."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import docx
from docx.document import Document
from docx.oxml.exceptions import InvalidXmlError
from docx.table import Table
from docx.text.paragraph import Paragraph

from copilot.adapters.loaders.building import DocumentBuilder, one_line
from copilot.adapters.loaders.encoding import tidy
from copilot.adapters.loaders.metadata import read_metadata
from copilot.domain.errors import UnreadableDocument
from copilot.domain.knowledge import BlockKind, ParsedDocument

_EXPECTED = "Expected a .docx file (Office Open XML), not password-protected."
_MAX_UNPACKED = 200 * 2**20


class DocxLoader:
    suffixes = frozenset({".docx"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        known = read_metadata(metadata or {}, f"side file {source}.yaml", where=source)
        document = _open(content, source)
        builder = DocumentBuilder()
        items: list[str] = []
        number = 0

        def flush() -> None:
            builder.block(BlockKind.LIST, "\n".join(items))
            items.clear()

        for part in document.iter_inner_content():
            if isinstance(part, Table):
                flush()
                builder.table(_rows(part))
                continue
            text = one_line(tidy(part.text))
            if not text:
                continue
            marker, depth = _list_marker(part)
            if marker:
                number = number + 1 if items else 1
                items.append(f"{'  ' * depth}{f'{number}.' if marker == 'number' else '-'} {text}")
                continue
            flush()
            if level := _heading_level(part):
                builder.heading(level, text)
            else:
                builder.paragraph(text)
        flush()
        title = tidy(document.core_properties.title or "").strip()
        # Word's own template leaves "Word Document" here.
        fallback = {"title": builder.first_heading or ("" if title == "Word Document" else title) or None}
        return (builder.build(known, external_id=external_id, source=source, fallback=fallback),)


def _open(content: bytes, source: str) -> Document:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _MAX_UNPACKED:
            raise UnreadableDocument(
                f"the file unpacks to {size // 2**20} MB.",
                hint=f"Expected at most {_MAX_UNPACKED // 2**20} MB.",
                where=source,
            )
        return docx.Document(io.BytesIO(content))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, InvalidXmlError, SyntaxError) as error:
        raise UnreadableDocument(
            f"the Word file cannot be read: {error}.", hint=_EXPECTED, where=source
        ) from error


def _heading_level(paragraph: Paragraph) -> int | None:
    style = paragraph.style.name if paragraph.style and paragraph.style.name else ""
    if style == "Title":
        return 1
    name, _, level = style.partition(" ")
    # One deeper than Word's own level, so that the title stays above "Heading 1".
    return int(level) + 1 if name == "Heading" and level.isdigit() else None


def _list_marker(paragraph: Paragraph) -> tuple[str | None, int]:
    """("bullet" or "number", depth from 0), or None when it is no list item."""
    style = paragraph.style.name if paragraph.style and paragraph.style.name else ""
    properties = paragraph._p.pPr  # noqa: SLF001 - python-docx has no public way to the numbering
    numbering: Any = properties.numPr if properties is not None else None
    if style.startswith("List") and style != "List Paragraph":
        last = style.rsplit(" ", 1)[-1]
        return ("number" if "Number" in style else "bullet"), int(last) - 1 if last.isdigit() else 0
    if numbering is not None and _heading_level(paragraph) is None:
        return "bullet", int(numbering.ilvl.val) if numbering.ilvl is not None else 0
    return None, 0


def _rows(table: Table) -> list[list[str]]:
    rows = []
    for row in table.rows:
        seen: set[int] = set()
        cells = []
        for cell in row.cells:
            # A merged cell comes once for each column it spans.
            cells.append("" if id(cell._tc) in seen else tidy(cell.text))  # noqa: SLF001
            seen.add(id(cell._tc))  # noqa: SLF001
        rows.append(cells)
    return rows
