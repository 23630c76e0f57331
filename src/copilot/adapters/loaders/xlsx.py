"""Excel workbooks: a sheet of questions and answers, or plain tables; sheet numbers as pages."""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from itertools import groupby
from typing import Any

import openpyxl
from openpyxl.cell.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

from copilot.adapters.loaders.building import DocumentBuilder, one_line, with_address
from copilot.adapters.loaders.csv_faq import faq_documents, is_faq
from copilot.adapters.loaders.encoding import tidy
from copilot.adapters.loaders.metadata import Metadata, read_metadata
from copilot.adapters.loaders.office import readable
from copilot.domain.errors import UnreadableDocument
from copilot.domain.knowledge import ParsedDocument

_EXPECTED = "Expected an .xlsx file (Office Open XML), not password-protected."
_MAX_UNPACKED = 40 * 2**20
"""Read whole, a workbook takes about twenty times this in memory."""
_LEVEL = 2
_CURRENCY = re.compile(r"[$€£¥]")
_Row = list[str]


class XlsxLoader:
    """Hidden sheets are left out, a formula is read as the value it was saved with."""

    suffixes = frozenset({".xlsx"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        known = read_metadata(metadata or {}, f"side file {source}.yaml", where=source)
        with readable(content, "the Excel file", _EXPECTED, source, most=_MAX_UNPACKED):
            sheets = _sheets(content)
        sheets = [(name, number, rows) for name, number, rows in sheets if rows]
        if not sheets:
            raise UnreadableDocument("the Excel file has no cells with text.", hint=_EXPECTED, where=source)
        base = known.id or external_id
        documents: list[ParsedDocument] = []
        for name, number, rows in sheets:
            if is_faq(rows[0][1]):
                rows = _without_empty_columns(rows)  # noqa: PLW2901 - the same rows, narrower
                own = known if len(sheets) == 1 else known.model_copy(update={"id": f"{base}-{_slug(name)}"})
                where = f"{source} sheet {name}" if len(sheets) > 1 else source
                documents += faq_documents(rows, own, base, source, where=where, page=number)
        tables = [sheet for sheet in sheets if not is_faq(sheet[2][0][1])]
        if tables:
            documents.append(_tables(tables, known, base, source))
        return tuple(documents)


def _tables(
    sheets: list[tuple[str, int, list[tuple[int, _Row]]]], known: Metadata, base: str, source: str
) -> ParsedDocument:
    builder = DocumentBuilder()
    for name, number, rows in sheets:
        builder.heading(_LEVEL, name, page=number)
        # Empty rows divide tables: without one, the line numbers run on.
        for _, part in groupby(enumerate(rows), key=lambda pair: pair[1][0] - pair[0]):
            _add_table(builder, [row for _, (_, row) in part], number)
    title = one_line(base.replace("-", " ").replace("_", " ")).capitalize()
    return builder.build(known, external_id=base, source=source, fallback={"title": title})


def _add_table(builder: DocumentBuilder, rows: list[_Row], page: int) -> None:
    """Lines above the table with one filled cell are its title or a remark."""
    while rows and sum(map(bool, rows[0])) == 1:
        builder.paragraph(next(filter(None, rows.pop(0))), page=page)
    numbered = _without_empty_columns(list(enumerate(rows)))
    builder.table((row for _, row in numbered), page=page)


def _without_empty_columns(rows: list[tuple[int, _Row]]) -> list[tuple[int, _Row]]:
    width = max((len(row) for _, row in rows), default=0)
    used = [column for column in range(width) if any(row[column] for _, row in rows)]
    return [(line, [row[column] for column in used]) for line, row in rows]


def _sheets(content: bytes) -> list[tuple[str, int, list[tuple[int, _Row]]]]:
    """(name, number, filled rows with their line number)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that say nothing to us
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    try:
        return [
            (sheet.title, number, _rows(sheet))
            for number, sheet in enumerate(book.worksheets, start=1)
            if sheet.sheet_state == "visible"
        ]
    finally:
        book.close()


def _rows(sheet: Worksheet) -> list[tuple[int, _Row]]:
    """A merged cell is repeated in every row it spans, so that each row stands alone."""
    spanned = {}
    for area in sheet.merged_cells.ranges:
        for below in range(area.min_row + 1, area.max_row + 1):
            spanned[below, area.min_col] = (area.min_row, area.min_col)
    rows: list[tuple[int, _Row]] = []
    for line, cells in enumerate(sheet.iter_rows(), start=sheet.min_row):
        row: _Row = []
        for cell in cells:
            at = spanned.get((cell.row or 0, cell.column or 0))
            row.append(_shown(sheet.cell(*at) if at else cell))
        if any(row):
            rows.append((line, row))
    return rows


def _shown(cell: Any) -> str:  # noqa: ANN401 - a cell, or what stands for one inside a merged area
    """As a person sees it: dates, percentages and amounts as they are formatted."""
    value = cell.value
    if value is None:
        return ""
    style = str(getattr(cell, "number_format", "") or "")
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, int | float):
        text = _number(value, style)
    elif isinstance(value, datetime):
        text = value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    elif isinstance(value, date | time):
        text = value.isoformat()
    else:
        text = tidy(str(value)).strip()
    link = cell.hyperlink.target if isinstance(cell, Cell) and cell.hyperlink else None
    return with_address(text, link) if link else text


def _number(value: float, style: str) -> str:
    if "%" in style:
        return f"{value * 100:.10g}%"
    if symbol := _CURRENCY.search(style):
        return f"{symbol[0]}{value:,.2f}"
    return str(int(value)) if float(value).is_integer() else f"{value:.10g}"


def _slug(name: str) -> str:
    return re.sub(r"[^\w]+", "-", name).strip("-").lower() or "sheet"
