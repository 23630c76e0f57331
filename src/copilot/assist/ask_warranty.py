"""How long the warranty of a kind of product is, read from the policy's own words."""

import re
from collections.abc import Sequence

from copilot.assist.quoting import cite
from copilot.domain.knowledge import Citation, ScoredPassage

_YEARS = re.compile(r"\b(\d{1,2}|one|two|three|four|five|ten)[ -]years?\b", re.IGNORECASE)
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10}
_BETWEEN = re.compile(r",|:|&|\band\b|\bon\b|\bfor\b|\d+ years?")
_PIECE = re.compile(r"[^\n;.]+")


def warranty_years(category: str, passages: Sequence[ScoredPassage]) -> tuple[int | None, Citation | None]:
    """(years, where it says so) from a line or clause that names the category and exactly one length.

    "garden furniture" is found under its last word too, as policies group categories.
    """
    names = dict.fromkeys(n for n in (category.casefold(), category.casefold().rpartition(" ")[2]) if n)
    for name in names:
        for scored in passages:
            for piece in _PIECE.finditer(scored.passage.text):
                years = {_number(y) for y in _YEARS.findall(piece.group())}
                if len(years) == 1 and name in _items(piece.group()):
                    start = piece.start() + len(piece.group()) - len(piece.group().lstrip(" -*•"))
                    return years.pop(), cite(
                        scored, start, start + len(piece.group().lstrip(" -*•").rstrip())
                    )
    return None, None


def _items(piece: str) -> set[str]:
    """What a piece such as "Furniture, camping and garden power: 3 years" lists: "garden" is not among it."""
    return {item.strip(" -*•") for item in _BETWEEN.split(piece.casefold())}


def _number(text: str) -> int:
    return _WORDS.get(text.casefold()) or int(text)
