"""PowerPoint slides: titles as headings, bullets as lists, tables whole, slide numbers as pages."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pptx
from pptx.shapes.base import BaseShape
from pptx.shapes.group import GroupShape
from pptx.slide import Slide
from pptx.text.text import TextFrame

from copilot.adapters.loaders.building import DocumentBuilder, one_line, with_address
from copilot.adapters.loaders.encoding import tidy
from copilot.adapters.loaders.metadata import read_metadata
from copilot.adapters.loaders.office import readable
from copilot.domain.knowledge import Audience, BlockKind, ParsedDocument

_EXPECTED = "Expected a .pptx file (Office Open XML), not password-protected."
_MAX_UNPACKED = 200 * 2**20
_LEVEL = 2


class PptxLoader:
    """Hidden slides are left out; speaker notes are read only where the document is internal."""

    suffixes = frozenset({".pptx"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        known = read_metadata(metadata or {}, f"side file {source}.yaml", where=source)
        builder = DocumentBuilder()
        with readable(content, "the PowerPoint file", _EXPECTED, source, most=_MAX_UNPACKED):
            deck = pptx.Presentation(io.BytesIO(content))
            for number, slide in enumerate(deck.slides, start=1):
                if slide.element.get("show") != "0":
                    _add_slide(builder, slide, number, notes=known.audience is Audience.INTERNAL)
            title = tidy(deck.core_properties.title or "").strip()
        # PowerPoint's own template leaves "PowerPoint Presentation" here.
        given = "" if title == "PowerPoint Presentation" else title
        fallback = {"title": builder.first_heading or given or None}
        return (builder.build(known, external_id=external_id, source=source, fallback=fallback),)


def _add_slide(builder: DocumentBuilder, slide: Slide, number: int, *, notes: bool) -> None:
    title = slide.shapes.title
    builder.heading(_LEVEL, _one_line(title.text_frame) if title is not None else "", page=number)
    if title is None or not title.text_frame.text.strip():
        builder.heading(_LEVEL, f"Slide {number}", page=number)
    shape: Any  # python-pptx's base class says nothing of tables and text
    for shape in _in_reading_order(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if getattr(shape, "has_table", False):
            rows = shape.table.rows
            builder.table(([_one_line(cell.text_frame) for cell in row.cells] for row in rows), page=number)
        elif shape.has_text_frame:
            _add_text(builder, shape.text_frame, number)
    if notes and slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        _add_text(builder, slide.notes_slide.notes_text_frame, number)


def _in_reading_order(shapes: Any) -> Iterator[BaseShape]:  # noqa: ANN401 - slides' and groups' differ
    """From the top, then from the left; groups opened."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if isinstance(shape, GroupShape):
            yield from _in_reading_order(shape.shapes)
        else:
            yield shape


def _add_text(builder: DocumentBuilder, frame: TextFrame, page: int) -> None:
    """Several lines in one box are its bullets; a single line is a paragraph."""
    lines = [(paragraph.level, _text(paragraph)) for paragraph in frame.paragraphs]
    lines = [(level, text) for level, text in lines if text]
    if len(lines) > 1:
        text = "\n".join(f"{'  ' * level}- {text}" for level, text in lines)
        builder.block(BlockKind.LIST, text, page=page)
    elif lines:
        builder.paragraph(lines[0][1], page=page)


def _one_line(frame: TextFrame) -> str:
    return one_line(" ".join(_text(paragraph) for paragraph in frame.paragraphs))


def _text(paragraph: Any) -> str:  # noqa: ANN401 - python-pptx does not export its class
    """Its runs, with the addresses of links; a line break inside it is a space."""
    parts = []
    for run in paragraph.runs:
        address = run.hyperlink.address if run.hyperlink is not None else None
        parts.append(with_address(run.text, address) if address else run.text)
    joined = "".join(parts)
    whole = paragraph.text.replace("\v", " ")
    # Fields such as a date are in the text, but are no runs.
    return one_line(tidy(joined if len(joined) >= len(whole) else whole))
