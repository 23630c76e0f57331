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
"""A stem is the beginning of its word, so only words that begin like an asked one need be stemmed."""


@dataclass(frozen=True)
class Coverage:
    """`shares` has a number from 0 to 1 for each text; `unknown` is the share of what is asked in none.

    A word that few of the texts have tells much; one that none has (it may not be here) tells most.
    """

    shares: tuple[float, ...]
    unknown: float

    @classmethod
    def of(cls, stems: frozenset[str], texts: Sequence[str]) -> Self:
        beginnings = {term[:_PREFIX] for term in stems}
        found = [_present(stems, beginnings, text) for text in texts]
        frequency = Counter(term for terms in found for term in terms)
        worth = {term: math.log(1 + len(texts) / (1 + frequency[term])) for term in stems}
        total = sum(worth.values()) or 1.0
        return cls(
            shares=tuple(sum(worth[term] for term in terms) / total for terms in found),
            unknown=sum(worth[term] for term in stems if not frequency[term]) / total,
        )


def _present(stems: frozenset[str], beginnings: set[str], text: str) -> set[str]:
    near = {word for word in _WORD.findall(text.lower()) if word[:_PREFIX] in beginnings}
    return {term for word in near if (term := stem(word)) in stems}
