"""Plain text: what its author marked as headings, lists and tables by the way it is set."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from copilot.adapters.loaders.building import DocumentBuilder, one_line
from copilot.adapters.loaders.encoding import decode
from copilot.adapters.loaders.metadata import read_metadata
from copilot.domain.knowledge import BlockKind, ParsedDocument

_GAP = re.compile(r"\n[ \t]*\n+")
_ITEM = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,3}[.)]|[a-z]\))\s+\S")
_UNDERLINE = re.compile(r"^\s*([=\-~])\1{2,}\s*$")
_CLAUSE = re.compile(r"^(?:§\s*)?\d{1,2}(?:\.\d{1,2})*\.?\s+[A-Z][^.!?]*$")
_INDENTED = re.compile(r"^(?: {4}|\t)")
_LONGEST_HEADING = 100
_UNDERLINED = 2


class TextLoader:
    suffixes = frozenset({".txt", ".text"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        known = read_metadata(metadata or {}, f"side file {source}.yaml", where=source)
        builder = DocumentBuilder()
        add_text(builder, decode(content, where=source))
        return (builder.build(known, external_id=external_id, source=source),)


def add_text(builder: DocumentBuilder, text: str) -> None:
    """The blocks of a text; empty lines divide them."""
    for part in _GAP.split(text.strip("\n")):
        lines = [line.rstrip() for line in part.split("\n") if line.strip()]
        if len(lines) >= _UNDERLINED and _UNDERLINE.match(lines[1]):
            builder.heading(1 if "=" in lines[1] else 2, lines[0])
            lines = lines[2:]
        if lines:
            _add(builder, lines)


def _add(builder: DocumentBuilder, lines: list[str]) -> None:
    if _is_heading(lines):
        level = 3 + lines[0].split()[0].rstrip(".").count(".") if _CLAUSE.match(lines[0].strip()) else 2
        builder.heading(level, lines[0])
    elif separator := _separator(lines):
        builder.table(
            [cell.strip() for cell in line.strip().strip("|").split(separator)]
            for line in lines
            if line.strip(" |-+:\t")
        )
    elif all(_INDENTED.match(line) for line in lines) and not _ITEM.match(lines[0]):
        builder.block(BlockKind.CODE, "\n".join(lines))
    else:
        _add_running(builder, lines)


def _add_running(builder: DocumentBuilder, lines: list[str]) -> None:
    """A paragraph, and the list that may follow it without an empty line."""
    first = next((at for at, line in enumerate(lines) if _ITEM.match(line)), len(lines))
    builder.paragraph(" ".join(lines[:first]))
    items: list[str] = []
    for line in lines[first:]:
        if _ITEM.match(line) or not items:
            items.append(re.sub(r"^(\s*)[*•–]", r"\1-", line))
        else:
            items[-1] = f"{items[-1]} {one_line(line)}"
    builder.block(BlockKind.LIST, "\n".join(items))


def _is_heading(lines: list[str]) -> bool:
    line = lines[0].strip()
    if len(lines) > 1 or len(line) > _LONGEST_HEADING:
        return False
    shouted = line.isupper() and sum(character.isalpha() for character in line) > 2  # noqa: PLR2004
    return shouted or bool(_CLAUSE.match(line))


def _separator(lines: list[str]) -> str | None:
    """What divides the columns of every line, where these lines are a table."""
    for separator in ("|", "\t"):
        counts = {line.strip().strip("|").count(separator) for line in lines if line.strip(" |-+:\t")}
        if len(lines) > 1 and len(counts) == 1 and counts != {0}:
            return separator
    return None
