"""PDF files with a text layer: headings by type size or clause number, tables by their columns, page numbers.

A PDF holds placed glyphs, not structure, so this is a reading of the layout; a scanned page has no text.
"""

import io
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pypdf import PageObject, PdfReader

from copilot.adapters.loaders.building import DocumentBuilder, one_line
from copilot.adapters.loaders.encoding import tidy
from copilot.adapters.loaders.metadata import read_metadata
from copilot.domain.errors import UnreadableDocument
from copilot.domain.knowledge import BlockKind, ParsedDocument

_EXPECTED = "Expected a PDF with a text layer and without a password."
_BULLET = re.compile(r"^\s*(?:[•◦▪‣·*–-]|\(?\d{1,2}[.)]|[a-z]\))\s+(?=\S)")
_CLAUSE_HEADING = re.compile(r"^\d{1,2}(?:\.\d{1,2})*\.?\s+[A-Z][^.!?]{2,80}$")
_COLUMN_GAP = re.compile(r"\s{2,}")
_CELL = re.compile(r"\S+(?:\s\S+)*")
_HEADING_SIZE = 1.12
_MAX_HEADING = 120
_REPEATED_SHARE = 0.6
_MIN_PAGES_TO_REPEAT = 3
_MAX_PAGES = 2_000
_INDENT = " " * 4
_MAX_GAP_IN_TABLE = 2
"""Ruled tables leave empty lines between their rows."""


@dataclass(frozen=True)
class _Line:
    text: str
    page: int
    size: float
    """Type size in points; 0 when it could not be told."""


class PdfLoader:
    suffixes = frozenset({".pdf"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        known = read_metadata(metadata or {}, f"side file {source}.yaml", where=source)
        # pypdf reports what it repairs on its logger; what matters to us arrives as an error.
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        try:
            title, lines = _read(content, source)
        except UnreadableDocument:
            raise
        # A damaged file may fail anywhere in the parser, with nearly any error.
        except Exception as error:
            raise UnreadableDocument(
                f"the PDF cannot be read: {error or type(error).__name__}.", hint=_EXPECTED, where=source
            ) from error
        if not any(line.text for line in lines):
            raise UnreadableDocument(
                "the PDF has no text: its pages are probably scanned images.", hint=_EXPECTED, where=source
            )
        builder = DocumentBuilder()
        _Layout(builder, lines).run()
        fallback = {"title": builder.first_heading or title}
        return (builder.build(known, external_id=external_id, source=source, fallback=fallback),)


def _read(content: bytes, source: str) -> tuple[str | None, list[_Line]]:
    if not content.lstrip()[:5].startswith(b"%PDF"):
        raise UnreadableDocument("the file is not a PDF.", hint=_EXPECTED, where=source)
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableDocument("the PDF is encrypted with a password.", hint=_EXPECTED, where=source)
    if len(reader.pages) > _MAX_PAGES:
        raise UnreadableDocument(
            f"the PDF has {len(reader.pages)} pages.", hint=f"Expected at most {_MAX_PAGES}.", where=source
        )
    pages = [_page_lines(page, number) for number, page in enumerate(reader.pages, start=1)]
    title = reader.metadata.title if reader.metadata else None
    return (tidy(title).strip() or None if title else None), _without_running_titles(pages)


def _page_lines(page: PageObject, number: int) -> list[_Line]:
    sizes: dict[str, float] = {}
    addresses: dict[str, list[str]] = {}
    links = _links(page)
    current: list[str] = []
    linked: list[str] = []
    largest = 0.0

    def visit(text: str, user: list[float], matrix: list[float], _font: object, size: float) -> None:
        nonlocal largest
        height = matrix[4] * user[1] + matrix[5] * user[3] + user[5]
        scale = abs(matrix[3] or matrix[1]) * abs(user[3] or user[1])
        for index, piece in enumerate(text.split("\n")):
            if index:
                end_line()
                current.clear()
                linked.clear()
                largest = 0.0
            current.append(piece)
            if piece.strip():
                largest = max(largest, size * scale)
                linked.extend(link for low, high, link in links if low <= height <= high)

    def end_line() -> None:
        key = _key("".join(current))
        sizes[key] = largest
        addresses[key] = [link for link in dict.fromkeys(linked) if _key(link) not in key]

    page.extract_text(visitor_text=visit)
    end_line()
    layout = page.extract_text(extraction_mode="layout", layout_mode_space_vertically=True)
    lines = []
    for line in tidy(layout).split("\n"):
        key = _key(line)
        shown = "".join(f" ({link})" for link in addresses.pop(key, []))
        lines.append(_Line(line.rstrip() + shown, number, sizes.get(key, 0.0)))
    return lines


def _links(page: PageObject) -> list[tuple[float, float, str]]:
    """(lowest, highest point, web address) of each link. A damaged one is left out: the text matters more."""
    found = []
    for reference in page.get("/Annots") or ():
        try:
            mark: Any = reference.get_object()
            address = str(mark["/A"]["/URI"])
            heights = sorted(float(mark["/Rect"][at]) for at in (1, 3))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            continue
        if address.startswith(("https://", "http://")):
            found.append((heights[0], heights[1], address))
    return found


def _key(line: str) -> str:
    return re.sub(r"\s+", "", line)


def _without_running_titles(pages: list[list[_Line]]) -> list[_Line]:
    """All lines but those that repeat at the top or bottom of most pages (only the digits differ)."""
    edges: Counter[str] = Counter()
    for lines in pages:
        edges.update({_pattern(line) for line in _edge(lines)})
    needed = max(_MIN_PAGES_TO_REPEAT, _REPEATED_SHARE * len(pages))
    repeated = {pattern for pattern, count in edges.items() if count >= needed}
    kept: list[_Line] = []
    for lines in pages:
        dropped = {id(line) for line in _edge(lines) if _pattern(line) in repeated}
        kept.extend(line for line in lines if id(line) not in dropped)
    return kept


def _edge(lines: list[_Line]) -> list[_Line]:
    filled = [line for line in lines if line.text.strip()]
    return filled[:2] + filled[2:][-2:]


def _pattern(line: _Line) -> str:
    return re.sub(r"\d+", "#", _key(line.text))


class _Layout:
    """Turns lines into headings, paragraphs, lists and tables."""

    def __init__(self, builder: DocumentBuilder, lines: list[_Line]) -> None:
        self._builder = builder
        self._lines = lines
        weights: Counter[float] = Counter()
        for line in lines:
            weights[round(line.size, 1)] += len(line.text) if line.size else 0
        self._body_size = weights.most_common(1)[0][0] if weights else 0.0
        larger = {round(line.size, 1) for line in lines if line.size > self._body_size * _HEADING_SIZE}
        self._levels = {size: level for level, size in enumerate(sorted(larger, reverse=True), start=1)}
        self._width = max((len(line.text.strip()) for line in lines), default=0)

    def run(self) -> None:
        position = 0
        while position < len(self._lines):
            line = self._lines[position]
            if not line.text.strip():
                position += 1
            elif (level := self._heading_level(line)) is not None:
                self._builder.heading(level, line.text, page=line.page)
                position += 1
            elif end := self._table_end(position):
                self._builder.table(_rows(self._lines[position:end]), page=line.page)
                position = end
            else:
                end = self._text_end(position)
                self._add_text(self._lines[position:end])
                position = end

    def _heading_level(self, line: _Line) -> int | None:
        text = line.text.strip()
        if len(text) > _MAX_HEADING or _COLUMN_GAP.search(text):
            return None
        if (level := self._levels.get(round(line.size, 1))) is not None:
            return min(level, 6)
        if _CLAUSE_HEADING.match(text) and len(text) < 0.75 * self._width:
            return min(len(self._levels) + 1 + text.split()[0].rstrip(".").count("."), 9)
        return None

    def _table_end(self, start: int) -> int | None:
        """The line after a table that begins here: two or more lines with columns, or None."""
        end, rows = start, 0
        for position in range(start, len(self._lines)):
            line = self._lines[position]
            if not line.text.strip():
                if position - end >= _MAX_GAP_IN_TABLE:
                    break
                continue
            part_of_cell = rows and line.text.startswith(_INDENT) and self._heading_level(line) is None
            if not (_is_row(line.text) or part_of_cell):
                break
            rows += _is_row(line.text)
            end = position + 1
        return end if rows > 1 else None

    def _text_end(self, start: int) -> int:
        end = start + 1
        while end < len(self._lines):
            line = self._lines[end]
            if not line.text.strip() and not self._runs_on(end):
                break
            if line.text.strip() and (self._heading_level(line) is not None or self._table_end(end)):
                break
            end += 1
        return end

    def _runs_on(self, gap: int) -> bool:
        """Whether the sentence before an empty line ends on a later line, e.g. over a page break."""
        after = next((line for line in self._lines[gap:] if line.text.strip()), None)
        before = self._lines[gap - 1]
        return (
            after is not None
            and after.page != before.page
            and before.text.strip()[-1:] not in ".!?:"
            and after.text.strip()[:1].islower()
        )

    def _add_text(self, lines: list[_Line]) -> None:
        """A run of lines without a gap: list items by their bullets, the rest joined to paragraphs."""
        run: list[list[str]] = []
        listed = False
        page = lines[0].page
        for line, previous in zip(lines, [None, *lines[:-1]], strict=True):
            text = line.text.strip()
            bullet = bool(_BULLET.match(line.text))
            if bullet or not run or (not listed and self._starts_paragraph(text, previous)):
                if run and bullet != listed:
                    self._emit(run, page, listed=listed)
                    run, page = [], line.page
                listed = bullet
                run.append([])
            run[-1].append(text)
        self._emit(run, page, listed=listed)

    def _starts_paragraph(self, text: str, previous: _Line | None) -> bool:
        if previous is None or re.match(r"\d{1,2}\.\d{1,2}\s+[A-Z]", text):
            return True
        before = previous.text.strip()
        return before.endswith((".", "!", "?", ":")) and len(before) < 0.7 * self._width

    def _emit(self, run: list[list[str]], page: int, *, listed: bool) -> None:
        if listed:
            lines = (_BULLET.sub(_plain_bullet, one_line(_joined(item))) for item in run)
            self._builder.block(BlockKind.LIST, "\n".join(lines), page=page)
            return
        for paragraph in run:
            self._builder.paragraph(_joined(paragraph), page=page)


def _plain_bullet(match: re.Match[str]) -> str:
    mark = match[0].strip()
    return f"{mark} " if mark[0].isalnum() or mark[0] == "(" else "- "


def _joined(lines: list[str]) -> str:
    """Lines as running text; a word divided at a line end is made whole."""
    text = lines[0] if lines else ""
    for before, line in pairwise(lines):
        divided = re.search(r"[a-z]-$", before) and line[:1].islower()
        text = text[:-1] + line if divided else f"{text} {line}"
    return text


def _is_row(text: str) -> bool:
    cells = _COLUMN_GAP.split(text.strip())
    return len(cells) > 1 and not _BULLET.match(text)


def _rows(lines: list[_Line]) -> list[list[str]]:
    """Cells by where their column starts; the lines of a cell that wraps are put together again."""
    filled = [line.text for line in lines if line.text.strip()]
    starts = [match.start() for match in _CELL.finditer(max(filled, key=_columns))]
    cut = [_cells(text, starts) for text in filled]
    return [
        [one_line(" ".join(filter(None, cells))) for cells in zip(*group, strict=True)]
        for group in _row_groups(cut)
    ]


def _cells(text: str, starts: list[int]) -> list[str]:
    row = [""] * len(starts)
    for match in _CELL.finditer(text):
        column = min(range(len(starts)), key=lambda at: abs(starts[at] - match.start()))
        row[column] = f"{row[column]} {match[0]}".strip()
    return row


def _row_groups(lines: list[list[str]]) -> list[list[list[str]]]:
    """The lines of each row. Every row has one line with its first cell; that cell is set in the middle
    of the row, with as many lines above as below, or, where the counts do not fit that, at its top.
    """
    anchors = [index for index, cells in enumerate(lines) if cells[0]]
    if not anchors:
        return [[cells] for cells in lines]
    bounds = [0]
    for anchor in anchors:
        bounds.append(anchor + (anchor - bounds[-1]) + 1)
    fits = bounds[-1] == len(lines) and all(
        bound <= anchor for bound, anchor in zip(bounds, anchors, strict=False)
    )
    if not fits:
        bounds = [0, *anchors[1:], len(lines)]
    return [lines[start:end] for start, end in pairwise(bounds)]


def _columns(text: str) -> int:
    return len(_COLUMN_GAP.split(text.strip()))
