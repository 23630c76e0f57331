"""Finds passages of different documents that say the same with another number, "30 days" and "14 days"."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from copilot.domain.knowledge import KnowledgeDocument, Passage
from copilot.domain.words import content_words, stem
from copilot.ports import Vector
from copilot.retrieval.sentences import split_sentences

SAME_TOPIC = 0.6
"""Cosine of two passages from which on they are taken to be about the same thing."""

SAME_WORDS = 0.6
"""Share of the shorter sentence's words that the other must have."""
MIN_SHARED = 2

_NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
_QUANTITY = re.compile(
    r"(?P<money>[$€£]\s?\d[\d,]*(?:\.\d+)?)|"
    r"\b(?P<value>\d+(?:\.\d+)?|" + "|".join(_NUMBER_WORDS) + r")(?:\s*(?:[-–]|to)\s*\d+)?[\s-]+"
    r"(?:business |calendar |working )?(?P<unit>minute|hour|day|week|month|year|cycle|point)s?\b|"
    r"\b(?P<percent>\d+(?:\.\d+)?)\s?%",
    re.IGNORECASE,
)


_UNITS = ("minute", "hour", "day", "week", "month", "year", "cycle", "point", "%", "$", "€", "£")
"""What every quantity has one of: most texts have none, which is seen faster so."""


def has_quantities(text: str) -> bool:
    """Whether it says anything that another passage could say with another number."""
    return bool(_statements(text))


def find_conflicts(
    found: Sequence[tuple[Passage, KnowledgeDocument]], vectors: Mapping[str, Vector]
) -> dict[str, list[str]]:
    """By passage id the ids of those it contradicts, where there are any; `vectors` by content hash."""
    conflicts: defaultdict[str, list[str]] = defaultdict(list)
    measured = [
        (passage, document, _statements(passage.text), vectors[passage.content_hash])
        for passage, document in found
        if passage.content_hash in vectors
    ]
    for (first, its, says, means), (second, others, says_too, means_too) in combinations(measured, 2):
        if (
            _comparable(its, others)
            and float(means @ means_too) >= SAME_TOPIC
            and _any_contradiction(says, says_too)
        ):
            conflicts[first.id].append(second.id)
            conflicts[second.id].append(first.id)
    return dict(conflicts)


@dataclass(frozen=True)
class _Statement:
    """A sentence that measures something: its words without the numbers, and its values by unit."""

    words: frozenset[str]
    values: Mapping[str, frozenset[str]]


def _comparable(first: KnowledgeDocument, second: KnowledgeDocument) -> bool:
    """Two clauses of one version complement each other; two products may well differ."""
    same_product = first.product is None or second.product is None or first.product == second.product
    return first.id != second.id and same_product


def _any_contradiction(first: Sequence[_Statement], second: Sequence[_Statement]) -> bool:
    """Only sentences that are each other's nearest are held against each other: express is not standard."""
    for one in first:
        other = _nearest(one, second)
        if other is not None and _nearest(other, first) is one and _contradict(one, other):
            return True
    return False


def _nearest(one: _Statement, others: Sequence[_Statement]) -> _Statement | None:
    return max(others, key=lambda other: len(one.words & other.words) / len(one.words | other.words or {""}),
               default=None)  # fmt: skip


def _contradict(one: _Statement, other: _Statement) -> bool:
    """The same said with another number: like words, a unit in common, and no value in common."""
    shared = len(one.words & other.words)
    if shared < MIN_SHARED or shared < SAME_WORDS * min(len(one.words), len(other.words)):
        return False
    units = one.values.keys() & other.values.keys()
    return any(one.values[unit].isdisjoint(other.values[unit]) for unit in units)


@lru_cache(maxsize=8192)
def _statements(text: str) -> tuple[_Statement, ...]:
    """Remembered: a passage's text never changes, and the same few are found again and again."""
    lowered = text.lower()
    if not any(unit in lowered for unit in _UNITS):
        return ()
    statements = []
    for start, end in split_sentences(text):
        values = _values(text[start:end])
        if values:
            plain = _QUANTITY.sub(" ", text[start:end])
            terms = frozenset(stem(word) for word in content_words(plain) if not word.isdigit())
            statements.append(_Statement(terms, values))
    return tuple(statements)


def _values(sentence: str) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for match in _QUANTITY.finditer(sentence):
        if match["money"]:
            unit, value = match["money"][0], match["money"][1:].strip().replace(",", "").removesuffix(".00")
        elif match["percent"]:
            unit, value = "%", match["percent"]
        else:
            value = match["value"].lower()
            unit, value = match["unit"].lower(), _NUMBER_WORDS.get(value, value)
        found.setdefault(unit, set()).add(value)
    return {unit: frozenset(values) for unit, values in found.items()}
