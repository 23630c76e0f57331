"""Cuts a document into passages along its structure: a clause, section, answer or list stays in one piece.

Cuts fall between blocks; only what is too long by itself is cut inside: a paragraph between sentences,
a list between items, a table between rows (each part repeats the header), code between lines.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from copilot.domain.knowledge import Block, BlockKind, KnowledgeDocument, Passage
from copilot.ports import TokenCounter
from copilot.retrieval.sentences import split_sentences

CHUNKING_VERSION = "3"
"""Part of every document's content hash, so that a change here cuts every document again."""

_SEPARATOR = " › "
_MAX_CONTEXT_SHARE = 4
_HEADER_CELLS = (32, 16, 8, 4, 2)
"""Characters of a column's title when the header row alone would fill half a passage."""


@dataclass(frozen=True)
class ChunkLimits:
    """In tokens of the counter (`target`) and in word pieces of the embedding model (`pieces`).

    `pieces` is hard: what is beyond it the model would not see.
    """

    target: int = 220
    pieces: int = 254
    """256 of the model less its two special tokens."""


@dataclass(frozen=True)
class _Atom:
    """Characters that are never divided, with the header row they need if they stand without it."""

    start: int
    end: int
    block: Block
    tokens: int
    pieces: int
    header: str = ""


class Chunker:
    """Pure. `counter` counts what a chat model would, `pieces` the embedding model's word pieces."""

    def __init__(
        self, counter: TokenCounter, pieces: TokenCounter, limits: ChunkLimits | None = None
    ) -> None:
        self._counter = counter
        self._pieces = pieces
        self._limits = limits or ChunkLimits()

    def passages(self, document: KnowledgeDocument) -> list[Passage]:
        """In reading order; characters `start` to `end` of the document are the passage's text."""
        found: list[Passage] = []
        seen: Counter[str] = Counter()
        for section in _sections(document.blocks):
            context = self._context(document, section[0])
            room = self._limits.pieces - self._pieces.count(context)
            atoms = [atom for block in section for atom in self._atoms(document.text, block, room)]
            for group in self._packed(atoms, room):
                found.append(self._passage(document, group, context, len(found), seen))
        return found

    def _context(self, document: KnowledgeDocument, block: Block) -> str:
        """Title and headings, the upper ones left out first when that is too long."""
        path = list(block.heading_path)
        if path and path[0].casefold() == document.title.casefold():
            path = path[1:]
        parts = [document.title, *path]
        room = self._limits.pieces // _MAX_CONTEXT_SHARE
        while len(parts) > 1 and self._pieces.count(_SEPARATOR.join(parts)) > room:
            del parts[1 if len(parts) > 2 else 0]  # noqa: PLR2004 - title and last heading go last
        context = _SEPARATOR.join(parts)
        while self._pieces.count(context) > room:
            context = context[: len(context) * 3 // 4].rstrip()
        return context

    def _atoms(self, text: str, block: Block, room: int) -> Iterator[_Atom]:
        """The block whole if it fits, else its parts."""
        whole = self._atom(text, block.start, block.end, block)
        if self._fits(whole.tokens, whole.pieces, room):
            yield whole
            return
        header = ""
        if block.kind is BlockKind.TABLE:
            header = self._header(text[block.start : block.end].split("\n", 1)[0], room // 2)
        for index, (start, end) in enumerate(_parts(text, block)):
            yield from self._divided(text, start, end, block, header if index else "", room)

    def _header(self, header: str, room: int) -> str:
        """The header row, its titles shortened as much as it takes: no part of a table goes without."""
        cells = header.strip("| ").split(" | ")
        for longest in _HEADER_CELLS:
            if self._pieces.count(header) <= room:
                return header
            header = f"| {' | '.join(_shortened(cell, longest) for cell in cells)} |"
        return header if self._pieces.count(header) <= room else ""

    def _divided(
        self, text: str, start: int, end: int, block: Block, header: str, room: int
    ) -> Iterator[_Atom]:
        """The part, halved between words until it fits: a sentence or row longer than a passage is rare."""
        atom = self._atom(text, start, end, block, header)
        space = room - (self._pieces.count(header) if header else 0)
        if self._fits(atom.tokens, atom.pieces, space) or end - start <= 1:
            yield atom
            return
        middle = (start + end) // 2
        left = text.rfind(" ", start + 1, middle)
        cut = left if left > start else middle
        for first, last in ((start, cut), (cut, end)):
            piece = text[first:last]
            if piece.strip():
                begin = first + len(piece) - len(piece.lstrip())
                yield from self._divided(text, begin, first + len(piece.rstrip()), block, header, room)

    def _atom(self, text: str, start: int, end: int, block: Block, header: str = "") -> _Atom:
        piece = text[start:end]
        return _Atom(start, end, block, self._counter.count(piece), self._pieces.count(piece), header)

    def _packed(self, atoms: Sequence[_Atom], room: int) -> Iterator[list[_Atom]]:
        """As many neighbours as fit, in order."""
        group: list[_Atom] = []
        tokens = pieces = 0
        for atom in atoms:
            if group and not self._fits(tokens + atom.tokens, pieces + atom.pieces, room):
                yield group
                group, tokens, pieces = [], 0, 0
            if not group and atom.header:
                tokens, pieces = self._counter.count(atom.header), self._pieces.count(atom.header)
            group.append(atom)
            tokens += atom.tokens
            pieces += atom.pieces
        if group:
            yield group

    def _fits(self, tokens: int, pieces: int, room: int) -> bool:
        return tokens <= self._limits.target and pieces <= room

    def _passage(
        self,
        document: KnowledgeDocument,
        atoms: Sequence[_Atom],
        context: str,
        position: int,
        seen: Counter[str],
    ) -> Passage:
        first, start, end = atoms[0], atoms[0].start, atoms[-1].end
        text = document.text[start:end]
        if first.header:
            text = f"{first.header}\n{text}"
        is_counted = len(atoms) == 1 and not first.header
        content_hash = hashlib.sha256(f"{context}\n{text}".encode()).hexdigest()
        seen[content_hash] += 1
        identity = f"{document.id}\0{content_hash}\0{seen[content_hash]}"
        return Passage(
            id=f"psg_{hashlib.sha256(identity.encode()).hexdigest()[:32]}",
            document_id=document.id,
            position=position,
            text=text,
            context=context,
            kind=_kind([atom.block for atom in atoms]),
            heading_path=first.block.heading_path,
            clause=first.block.clause,
            page=first.block.page,
            start=start,
            end=end,
            token_count=first.tokens if is_counted else self._counter.count(text),
            content_hash=content_hash,
        )


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def embedded_text(passage: Passage) -> str:
    """What the embedding model reads of a passage."""
    return f"{passage.context}\n{passage.text}"


def _sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Runs of blocks under one heading and clause; headings themselves are in every passage's context."""
    section = 0
    keyed: list[tuple[tuple[int, str | None], Block]] = []
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            section += 1
        else:
            keyed.append(((section, block.clause), block))
    for _, run in groupby(keyed, key=lambda pair: pair[0]):
        yield [block for _, block in run]


def _parts(text: str, block: Block) -> Iterator[tuple[int, int]]:
    if block.kind is BlockKind.PARAGRAPH:
        for start, end in split_sentences(text[block.start : block.end]):
            yield block.start + start, block.start + end
        return
    position = block.start
    for line in text[block.start : block.end].split("\n"):
        if line.strip():
            yield position, position + len(line)
        position += len(line) + 1


def _kind(blocks: Sequence[Block]) -> BlockKind:
    """The most structured kind in it, which says how to show it."""
    kinds = {block.kind for block in blocks}
    for kind in (BlockKind.TABLE, BlockKind.LIST, BlockKind.CODE):
        if kind in kinds:
            return kind
    return BlockKind.PARAGRAPH
