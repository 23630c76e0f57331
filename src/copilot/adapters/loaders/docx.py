"""Word documents: headings, lists and code by their styles, tables, links, pages as Word broke them."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import docx
from docx.document import Document
from docx.table import Table
from docx.text.hyperlink import Hyperlink
from docx.text.paragraph import Paragraph

from copilot.adapters.loaders.building import DocumentBuilder, one_line, with_address
from copilot.adapters.loaders.encoding import tidy
from copilot.adapters.loaders.metadata import read_metadata
from copilot.adapters.loaders.office import readable
from copilot.domain.knowledge import BlockKind, ParsedDocument

_EXPECTED = "Expected a .docx file (Office Open XML), not password-protected."
_MAX_UNPACKED = 200 * 2**20
_TYPEWRITER = re.compile(r"courier|consol|mono|menlo", re.IGNORECASE)


class DocxLoader:
    suffixes = frozenset({".docx"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        known = read_metadata(metadata or {}, f"side file {source}.yaml", where=source)
        builder = DocumentBuilder()
        with readable(content, "the Word file", _EXPECTED, source, most=_MAX_UNPACKED):
            document = docx.Document(io.BytesIO(content))
            _Writer(builder, document).run()
            title = tidy(document.core_properties.title or "").strip()
        # Word's own template leaves "Word Document" here.
        fallback = {"title": builder.first_heading or ("" if title == "Word Document" else title) or None}
        return (builder.build(known, external_id=external_id, source=source, fallback=fallback),)


class _Writer:
    """Puts a document's paragraphs and tables into the builder, gathering list items and lines of code."""

    def __init__(self, builder: DocumentBuilder, document: Document) -> None:
        self._builder = builder
        self._document = document
        # Pages are known only where Word itself laid the document out and left its marks.
        broken = any(paragraph.rendered_page_breaks for paragraph in document.paragraphs)
        self._page = 1 if broken else None
        self._items: list[str] = []
        self._code: list[str] = []
        self._run_page = self._page

    def run(self) -> None:
        for part in self._document.iter_inner_content():
            if isinstance(part, Table):
                self._flush()
                self._builder.table(_rows(part), page=self._page)
            else:
                self._paragraph(part)
        self._flush()

    def _paragraph(self, paragraph: Paragraph) -> None:
        if self._page is not None:
            breaks = paragraph.rendered_page_breaks
            # A break before any text of the paragraph puts all of it on the next page.
            leading = bool(breaks) and breaks[0].preceding_paragraph_fragment is None
            self._page += leading
        if _is_code(paragraph) and paragraph.text.strip():
            self._gather(self._code, self._items, tidy(paragraph.text).rstrip())
        elif text := one_line(tidy(_text(paragraph))):
            marker, depth = _list_marker(paragraph)
            if marker:
                number = f"{len(self._items) + 1}." if marker == "number" else "-"
                self._gather(self._items, self._code, f"{'  ' * depth}{number} {text}")
            else:
                self._flush()
                if level := _heading_level(paragraph):
                    self._builder.heading(level, text, page=self._page)
                else:
                    self._builder.paragraph(text, page=self._page)
        if self._page is not None:
            self._page += len(paragraph.rendered_page_breaks) - leading

    def _gather(self, into: list[str], other: list[str], line: str) -> None:
        if other:
            self._flush()
        if not into:
            self._run_page = self._page
        into.append(line)

    def _flush(self) -> None:
        self._builder.block(BlockKind.LIST, "\n".join(self._items), page=self._run_page)
        self._builder.block(BlockKind.CODE, "\n".join(self._code), page=self._run_page)
        self._items.clear()
        self._code.clear()


def _text(paragraph: Paragraph) -> str:
    """Its text, with the addresses of links."""
    return "".join(
        with_address(part.text, part.url) if isinstance(part, Hyperlink) else part.text
        for part in paragraph.iter_inner_content()
    )


def _is_code(paragraph: Paragraph) -> bool:
    """By its style's name, or because everything in it is set in a typewriter face."""
    style = paragraph.style.name if paragraph.style and paragraph.style.name else ""
    if any(word in style.lower() for word in ("code", "preformatted", "macro text")):
        return True
    faces = {run.font.name for run in paragraph.runs if run.text.strip()}
    return bool(faces) and all(face and _TYPEWRITER.search(face) for face in faces)


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
            text = " ".join(_text(paragraph) for paragraph in cell.paragraphs)
            cells.append("" if id(cell._tc) in seen else tidy(text))  # noqa: SLF001
            seen.add(id(cell._tc))  # noqa: SLF001
        rows.append(cells)
    return rows
