"""Builds a document's clean text and its blocks together, so that every offset is exact."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.adapters.loaders.metadata import Metadata
from copilot.domain.errors import UnreadableDocument
from copilot.domain.knowledge import Block, BlockKind, ParsedDocument

# "3.2 Return window", "§ 3.2", "3. Returns"; not "3 ways to save".
_HEADING_CLAUSE = re.compile(r"^(?:§|Section|Clause)?\s*(\d{1,3}(?:\.\d{1,3})+|\d{1,3}(?=\.\s))\.?[\s:)–—-]")
# A paragraph that opens like a clause: "3.2 Items must …"; not "2.5 litres".
_PARAGRAPH_CLAUSE = re.compile(r"^(?:§\s*)?(\d{1,2}(?:\.\d{1,2}){1,3})\.?\s+[A-Z]")
_SPACES = re.compile(r"[ \t\u2000-\u200b\u202f\u3000]+")
_BREAK = "\n\n"
_WIDEST_ROW = 700
"""Characters. A row and its header have to fit one passage, or parts of the row lose the header."""
_LONGEST_NAME = 60
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_MOST_LINKS, _LONGEST_LINK = 500, 500


@dataclass(frozen=True)
class _Heading:
    level: int
    title: str
    clause: str | None


class DocumentBuilder:
    """Takes headings and blocks in reading order.

    `under` are headings that the document stands below, such as its category; they are not in its text.
    """

    def __init__(self, under: Sequence[str] = ()) -> None:
        self._under = tuple(one_line(title) for title in under if title.strip())
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._stack: list[_Heading] = []
        self._links: dict[str, None] = {}

    @property
    def first_heading(self) -> str | None:
        heading = next((block for block in self._blocks if block.kind is BlockKind.HEADING), None)
        return self.text[heading.start : heading.end] if heading else None

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def heading(self, level: int, title: str, *, page: int | None = None) -> None:
        """Opens a section; closes those of the same or a deeper level. An empty title is ignored."""
        title = one_line(title)
        if not title:
            return
        while self._stack and self._stack[-1].level >= level:
            self._stack.pop()
        match = _HEADING_CLAUSE.match(title + " ")
        inherited = self._stack[-1].clause if self._stack else None
        self._stack.append(_Heading(level, title, match[1] if match else inherited))
        self._append(BlockKind.HEADING, title, self._stack[-1].clause, page)

    def paragraph(self, text: str, *, page: int | None = None) -> None:
        text = one_line(text)
        match = _PARAGRAPH_CLAUSE.match(text)
        self._append(BlockKind.PARAGRAPH, text, match[1] if match else self._clause, page)

    def block(self, kind: BlockKind, text: str, *, page: int | None = None) -> None:
        """A block whose lines matter."""
        self._append(kind, text.strip("\n").rstrip(), self._clause, page)

    def table(self, rows: Iterable[Sequence[str]], *, page: int | None = None) -> None:
        """Rows as `| a | b |` lines, the header first.

        A table too wide for that becomes a list for each row, where every value stands with its header.
        """
        cells = [[_cell(cell) for cell in row] for row in rows]
        cells = [row for row in cells if any(row)]
        if len(cells) > 1 and max(map(_width, cells)) > _WIDEST_ROW:
            for row in cells[1:]:
                self.block(BlockKind.LIST, _record(cells[0], row), page=page)
        else:
            self.block(BlockKind.TABLE, table_text(cells), page=page)

    def link(self, address: str) -> None:
        """Remembers a relative link, which the text itself does not show."""
        address = address.strip()
        if address and not _ABSOLUTE.match(address) and len(self._links) < _MOST_LINKS:
            self._links[address[:_LONGEST_LINK]] = None

    def build(
        self, metadata: Metadata, *, external_id: str, source: str, fallback: dict[str, Any] | None = None
    ) -> ParsedDocument:
        """The document. `fallback` fills fields the metadata leaves open; no text is `UnreadableDocument`."""
        if not any(block.kind is not BlockKind.HEADING for block in self._blocks):
            raise UnreadableDocument(
                "the file has no text.", hint="Expected at least one paragraph, list or table.", where=source
            )
        external_id = metadata.id or external_id
        fields: dict[str, Any] = {**(fallback or {}), **metadata.fields()}
        title = metadata.title or fields.pop("title", None) or self.first_heading or external_id
        fields.pop("title", None)
        return ParsedDocument(
            external_id=external_id,
            title=one_line(title),
            text=self.text,
            blocks=tuple(self._blocks),
            source=source,
            links=tuple(self._links),
            **fields,
        )

    @property
    def _clause(self) -> str | None:
        return self._stack[-1].clause if self._stack else None

    def _append(self, kind: BlockKind, text: str, clause: str | None, page: int | None) -> None:
        if not text.strip():
            return
        if self._parts:
            self._parts.append(_BREAK)
            self._length += len(_BREAK)
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        path = (*self._under, *(heading.title for heading in self._stack))
        self._blocks.append(
            Block(kind=kind, start=start, end=self._length, heading_path=path, clause=clause, page=page)
        )


def one_line(text: str) -> str:
    """White space collapsed; used where line ends mean nothing."""
    return _SPACES.sub(" ", text.replace("\n", " ")).strip()


def table_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as `| a | b |` lines; empty rows are left out, a `|` inside a cell becomes `/`."""
    cut = ([_cell(cell) for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in cut if any(cells))


def _cell(text: str) -> str:
    return one_line(text).replace("|", "/")


def _width(row: Sequence[str]) -> int:
    return sum(map(len, row))


def _record(header: Sequence[str], row: Sequence[str]) -> str:
    """A line for each value, named by the row's first cell and its header: any part can stand alone."""
    name = row[0] if len(row[0]) <= _LONGEST_NAME else f"{row[0][:_LONGEST_NAME].rstrip()}…"
    pairs = [(title, value) for title, value in zip(header, row, strict=False) if value]
    first = f"- {pairs[0][0]}: {pairs[0][1]}" if pairs else ""
    return "\n".join([first, *(f"- {name} – {title}: {value}" for title, value in pairs[1:])])


def with_address(text: str, address: str) -> str:
    """A link in plain text: only an absolute web address is worth reading."""
    if not address.startswith(("https://", "http://")) or address in text:
        return text
    return f"{text} ({address})" if text.strip() else address
