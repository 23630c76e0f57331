"""How much of what is asked a passage has, word by word."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from copilot.domain.words import stem

_WORD = re.compile(r"[^\W_]+")
_PREFIX = 3
_FEW = 20
"""So many words are quicker looked for one by one than among all the text's."""


@dataclass(frozen=True)
class Coverage:
    """`shares` has a number from 0 to 1 for each text; `unknown` is the share of what is asked in none.

    A word that few of the texts have tells much; one that none has (it may not be here) tells most.
    """

    shares: tuple[float, ...]
    unknown: float

    @classmethod
    def of(cls, stems: frozenset[str], texts: Sequence[str]) -> Self:
        found = [_present(stems, text) for text in texts]
        frequency = Counter(term for terms in found for term in terms)
        worth = {term: math.log(1 + len(texts) / (1 + frequency[term])) for term in stems}
        total = sum(worth.values()) or 1.0
        return cls(
            shares=tuple(sum(worth[term] for term in terms) / total for terms in found),
            unknown=sum(worth[term] for term in stems if not frequency[term]) / total,
        )


def _present(stems: frozenset[str], text: str) -> set[str]:
    """A stem is the beginning of its word, so only words that begin like an asked one need be stemmed."""
    lowered = text.lower()
    if len(stems) <= _FEW:
        return {term for term in stems if term in lowered and _has(lowered, term)}
    beginnings = {term[:_PREFIX] for term in stems}
    like = {word for word in _WORD.findall(lowered) if word[:_PREFIX] in beginnings}
    return {term for word in like if (term := stem(word)) in stems}


def _has(lowered: str, term: str) -> bool:
    """Whether the text has a word of this stem."""
    at = lowered.find(term)
    while at >= 0:
        whole = at == 0 or not lowered[at - 1].isalnum()
        if whole and (word := _WORD.match(lowered, at)) and stem(word[0]) == term:
            return True
        at = lowered.find(term, at + 1)
    return False
