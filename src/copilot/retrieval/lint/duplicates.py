"""Passages of different documents that say the same in nearly the same words."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from copilot.domain.care import Finding, LintCheck, Severity
from copilot.domain.knowledge import Passage
from copilot.domain.words import words
from copilot.retrieval.lint.corpus import Corpus
from copilot.retrieval.lint.neighbours import Pair

NEAR = 0.85
"""Cosine from which on two passages may be copies."""
ALIKE = 0.5
"""Share of three-word shingles that two passages have in common (Jaccard), from which on they are."""
_SHINGLE = 3
_MIN_WORDS = 12
"""Shorter ones are greetings and cross-references."""


def alike(pairs: Iterable[Pair]) -> list[tuple[float, Pair]]:
    """Those that are copies of each other, and how much so."""
    near = ((likeness(pair.first.text, pair.second.text), pair) for pair in pairs if pair.cosine >= NEAR)
    return [(share, pair) for share, pair in near if share >= ALIKE]


def find_duplicates(corpus: Corpus, copies: Iterable[tuple[float, Pair]]) -> Iterator[Finding]:
    """One finding for two documents, however many passages they share."""
    of_documents: defaultdict[tuple[str, ...], list[tuple[float, Pair]]] = defaultdict(list)
    for share, pair in copies:
        of_documents[tuple(passage.document_id for passage in _by_document(pair))].append((share, pair))
    for shared in of_documents.values():
        share, pair = max(shared, key=lambda found: (found[0], _by_document(found[1])[0].id))
        one, other = _by_document(pair)
        count = f"{len(shared)} passages" if len(shared) > 1 else "A passage"
        yield Finding(
            check=LintCheck.DUPLICATE,
            severity=Severity.WARNING if share == 1 else Severity.NOTICE,
            message=f"{count} of {corpus.document_of(one).external_id} and "
            f"{corpus.document_of(other).external_id} say the same ({share:.0%} of the words' order).",
            places=(corpus.place(one), corpus.place(other)),
        )


def _by_document(pair: Pair) -> list[Passage]:
    return sorted((pair.first, pair.second), key=lambda passage: passage.document_id)


def likeness(one: str, other: str) -> float:
    """Jaccard of three-word shingles; 0 for texts too short to tell."""
    first, second = words(one), words(other)
    if min(len(first), len(second)) < _MIN_WORDS:
        return 0.0
    left, right = _shingles(first), _shingles(second)
    return len(left & right) / len(left | right)


def _shingles(found: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(found[at : at + _SHINGLE]) for at in range(len(found) - _SHINGLE + 1)}
