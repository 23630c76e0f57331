"""Passages of different documents that say the same in nearly the same words."""

from collections.abc import Iterator, Sequence

from copilot.domain.care import Finding, LintCheck, Severity
from copilot.domain.words import words
from copilot.retrieval.lint.corpus import Corpus
from copilot.retrieval.lint.neighbours import Pair, by_documents

NEAR = 0.85
"""Cosine from which on two passages may be copies."""
ALIKE = 0.5
"""Share of three-word shingles that two passages have in common (Jaccard), from which on they are."""
_SHINGLE = 3
_MIN_WORDS = 12
"""Shorter ones are greetings and cross-references."""


def find_duplicates(corpus: Corpus, pairs: Sequence[Pair]) -> Iterator[Finding]:
    """One finding for two documents, however many passages they share."""
    for shared in by_documents(pairs).values():
        alike = [(likeness(p.first.text, p.second.text), p) for p in shared if p.cosine >= NEAR]
        alike = [(share, pair) for share, pair in alike if share >= ALIKE]
        if not alike:
            continue
        share, pair = max(alike, key=lambda found: (found[0], found[1].first.id))
        count = f"{len(alike)} passages" if len(alike) > 1 else "A passage"
        yield Finding(
            check=LintCheck.DUPLICATE,
            severity=Severity.WARNING if share == 1 else Severity.NOTICE,
            message=f"{count} of {corpus.document_of(pair.first).external_id} and "
            f"{corpus.document_of(pair.second).external_id} say the same ({share:.0%} of the words' order).",
            places=(corpus.place(pair.first), corpus.place(pair.second)),
        )


def likeness(one: str, other: str) -> float:
    """Jaccard of three-word shingles; 0 for texts too short to tell."""
    first, second = words(one), words(other)
    if min(len(first), len(second)) < _MIN_WORDS:
        return 0.0
    left, right = _shingles(first), _shingles(second)
    return len(left & right) / len(left | right)


def _shingles(found: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(found[at : at + _SHINGLE]) for at in range(len(found) - _SHINGLE + 1)}
