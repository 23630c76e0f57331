"""Sentences of two documents that say the same with another number, day or amount.

Two sentences are held against each other when, of their passages, each is the other's nearest by meaning, and
most words of the shorter stand in the longer: "express takes 2 days" says nothing about standard delivery.
Documents for two different products may differ, and a document's own dates of validity are no claim.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import numpy as np

from copilot.domain.care import Finding, LintCheck, Severity
from copilot.domain.knowledge import KnowledgeDocument, Passage
from copilot.ports import Embedder, Vector
from copilot.retrieval.lint.corpus import Corpus
from copilot.retrieval.lint.neighbours import Pair
from copilot.retrieval.lint.statements import Statement, differing, statements

SAME_MEANING = 0.55
"""Cosine of two sentences, their numbers included."""
SAME_WORDS = 0.6
"""Share of the shorter sentence's words that the longer has too."""
MIN_SHARED = 2
SURE_WORDS, SURE_SHARED = 0.9, 3
"""From here on it is an error, below a warning."""
_BATCH = 256


@dataclass(frozen=True)
class _Said:
    """A passage's statements."""

    passage: Passage
    statements: tuple[Statement, ...]

    def text(self, statement: Statement) -> str:
        return self.passage.text[statement.start : statement.end]


class Disputes:
    """Pairs of passages whose words differ in nothing but their figures, before their meaning is compared."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._known: dict[str, _Said] = {}
        self.held: list[tuple[_Said, _Said]] = []

    def add(self, pairs: Iterable[Pair]) -> None:
        """Those of them that may contradict each other."""
        for pair in pairs:
            if _same_product(self._corpus.document_of(pair.first), self._corpus.document_of(pair.second)):
                one = _said(self._corpus, pair.first, self._known)
                other = _said(self._corpus, pair.second, self._known)
                if any(_says_otherwise(a, b) for a in one.statements for b in other.statements):
                    self.held.append((one, other))


async def find_contradictions(
    corpus: Corpus, disputes: Disputes, embedder: Embedder
) -> AsyncIterator[Finding]:
    """The sentence of the document that is longer in force comes first."""
    held = disputes.held
    vectors = await _embedded({s.text(st) for pair in held for s in pair for st in s.statements}, embedder)
    found = [
        (cosine, (one, first), (other, second))
        for one, other in held
        for first, second, cosine in _nearest(one, other, vectors)
        if _says_otherwise(first, second)
    ]
    seen: set[tuple[str, str]] = set()
    for _, left, right in sorted(found, key=lambda it: (-it[0], it[1][0].passage.id, it[1][1].start)):
        # A sentence has one counterpart in a document: the rule for everybody, not the one for members too.
        keys = {(left[0].text(left[1]), right[0].passage.document_id)}
        keys.add((right[0].text(right[1]), left[0].passage.document_id))
        if not keys & seen:
            yield _finding(corpus, left, right)
        seen |= keys


def _said(corpus: Corpus, passage: Passage, known: dict[str, _Said]) -> _Said:
    if passage.id not in known:
        own = _own_days(corpus.document_of(passage))
        kept = []
        for statement in statements(passage):
            days = statement.values.get("date", frozenset())
            if own and days & own:
                values = {**statement.values, "date": days - own}
                statement = Statement(  # noqa: PLW2901 - the same one without them
                    statement.start,
                    statement.end,
                    statement.words,
                    {unit: found for unit, found in values.items() if found},
                )
            if statement.values:
                kept.append(statement)
        known[passage.id] = _Said(passage, tuple(kept))
    return known[passage.id]


def _own_days(document: KnowledgeDocument) -> frozenset[str]:
    return frozenset(day.isoformat() for day in (document.valid_from, document.valid_to) if day)


def _same_product(one: KnowledgeDocument, other: KnowledgeDocument) -> bool:
    return one.product is None or other.product is None or one.product == other.product


def _says_otherwise(one: Statement, other: Statement) -> bool:
    shared = len(one.words & other.words)
    return (
        shared >= MIN_SHARED
        and shared >= SAME_WORDS * min(len(one.words), len(other.words))
        and bool(differing(one.values, other.values))
    )


async def _embedded(texts: set[str], embedder: Embedder) -> dict[str, Vector]:
    ordered = sorted(texts)
    found: dict[str, Vector] = {}
    for start in range(0, len(ordered), _BATCH):
        part = ordered[start : start + _BATCH]
        found.update(zip(part, await embedder.embed_passages(part), strict=True))
    return found


def _nearest(
    one: _Said, other: _Said, vectors: dict[str, Vector]
) -> list[tuple[Statement, Statement, float]]:
    """Statements that are each other's nearest, and near enough."""
    left = np.stack([vectors[one.text(statement)] for statement in one.statements])
    right = np.stack([vectors[other.text(statement)] for statement in other.statements])
    cosines = left @ right.T
    return [
        (first, other.statements[column], float(cosines[row, column]))
        for row, first in enumerate(one.statements)
        if cosines[row, column := int(cosines[row].argmax())] >= SAME_MEANING
        and int(cosines[:, column].argmax()) == row
    ]


def _finding(corpus: Corpus, one: tuple[_Said, Statement], other: tuple[_Said, Statement]) -> Finding:
    (first, a), (second, b) = sorted((one, other), key=lambda side: _age(corpus.document_of(side[0].passage)))
    shared = len(a.words & b.words)
    sure = shared >= SURE_SHARED and shared >= SURE_WORDS * min(len(a.words), len(b.words))
    said = "; ".join(
        f"{_listed(a.values[unit])} against {_listed(b.values[unit])} ({_NAMES.get(unit, unit)})"
        for unit in differing(a.values, b.values)
    )
    return Finding(
        check=LintCheck.CONTRADICTION,
        severity=Severity.ERROR if sure else Severity.WARNING,
        message=f"{'The same' if sure else 'Perhaps the same'} with another figure: {said}.",
        places=(corpus.place(first.passage, first.text(a)), corpus.place(second.passage, second.text(b))),
    )


_NAMES = {"date": "day"}


def _listed(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))


def _age(document: KnowledgeDocument) -> tuple[str, str]:
    return document.valid_from.isoformat() if document.valid_from else "", document.external_id
