"""Cuts text into sentences with exact offsets; a list item or a table row is a sentence too."""

import re

_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s+)|[\u3002\uff01\uff1f]")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|approx|incl|excl|no|nos|art|sec|cl|fig|p|pp|mr|mrs|ms|dr|prof|st|jr|sr|inc|"
    r"ltd|co|corp|dept|est|min|max|tel|ext|a\.m|p\.m|u\.s|u\.k|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|"
    r"[a-z])$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^\s*\(?(?:\d{1,3}|[a-zA-Z])[.)]$")
_OPENS_SENTENCE = re.compile(r"[\"'“\u2018(\[]*[A-Z0-9À-Þ$€£]")
# These end a sentence when a capital follows, unlike "e.g." and titles.
_MAY_CLOSE = re.compile(r"(?:etc|a\.m|p\.m|u\.s|u\.k|inc|ltd|co|corp)$", re.IGNORECASE)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence without the white space around it, in order.

    A line end always ends one, since loaders leave line ends only where they mean something.
    """
    spans: list[tuple[int, int]] = []
    position = 0
    for line in text.split("\n"):
        if line.lstrip().startswith("|"):
            _add(spans, text, position, position + len(line))
        else:
            _split_line(spans, text, position, position + len(line))
        position += len(line) + 1
    return spans


def _split_line(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    first = start
    for match in _END.finditer(text, start, end):
        if _is_end(text, first, match.start(), match.group(), text[match.end() : end]):
            _add(spans, text, first, match.end())
            first = match.end()
    _add(spans, text, first, end)


def _is_end(text: str, first: int, at: int, mark: str, rest: str) -> bool:
    following = rest.lstrip()
    if not following:
        return True
    if not _OPENS_SENTENCE.match(following):
        return False
    if mark != ".":
        return True
    before = text[first:at]
    if _NUMBERED.match(before + "."):
        return False
    return not _ABBREVIATION.search(before) or bool(_MAY_CLOSE.search(before))


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if piece.strip():
        spans.append((start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))))
