"""Finds passages of different documents that say the same with another number, e.g. "30 days" and "14 days"."""

import re
from collections.abc import Sequence
from itertools import combinations

from copilot.domain.knowledge import KnowledgeDocument, Passage
from copilot.ports import Vectors

SAME_TOPIC = 0.72
"""Cosine of two passages from which on they are taken to be about the same thing."""

_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen"]
    )
}
_QUANTITY = re.compile(
    r"(?P<money>[$€£]\s?\d[\d,]*(?:\.\d+)?)|"
    r"\b(?P<value>\d+(?:\.\d+)?|" + "|".join(_NUMBER_WORDS) + r")(?:\s*(?:[-–]|to)\s*\d+)?[\s-]+"
    r"(?:business |calendar |working )?(?P<unit>minute|hour|day|week|month|year|cycle|point)s?\b|"
    r"\b(?P<percent>\d+(?:\.\d+)?)\s?%",
    re.IGNORECASE,
)


def find_conflicts(
    found: Sequence[tuple[Passage, KnowledgeDocument]], vectors: Vectors
) -> list[tuple[str, ...]]:
    """For each passage the ids of those it contradicts. `vectors` has a row for each."""
    quantities = [_quantities(passage.text) for passage, _ in found]
    conflicts: list[list[str]] = [[] for _ in found]
    for first, second in combinations(range(len(found)), 2):
        if (
            _comparable(found[first][1], found[second][1])
            and float(vectors[first] @ vectors[second]) >= SAME_TOPIC
            and _differ(quantities[first], quantities[second])
        ):
            conflicts[first].append(found[second][0].id)
            conflicts[second].append(found[first][0].id)
    return [tuple(ids) for ids in conflicts]


def _comparable(first: KnowledgeDocument, second: KnowledgeDocument) -> bool:
    """Two clauses of one version complement each other; two products may well differ."""
    same_product = first.product is None or second.product is None or first.product == second.product
    return first.id != second.id and same_product


def _differ(first: dict[str, set[str]], second: dict[str, set[str]]) -> bool:
    """Both measure in the same unit, and no value is common to them."""
    return any(first[unit].isdisjoint(second[unit]) for unit in first.keys() & second.keys())


def _quantities(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for match in _QUANTITY.finditer(text):
        if match["money"]:
            unit, value = match["money"][0], match["money"][1:].strip().replace(",", "").removesuffix(".00")
        elif match["percent"]:
            unit, value = "%", match["percent"]
        else:
            value = match["value"].lower()
            unit, value = match["unit"].lower(), _NUMBER_WORDS.get(value, value)
        found.setdefault(unit, set()).add(value)
    return found
