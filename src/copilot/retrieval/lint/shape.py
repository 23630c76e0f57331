"""Passages that the model cannot read whole, fragments, and documents in which nothing can be found."""

from collections.abc import Iterator

from copilot.domain.care import Finding, LintCheck, Severity
from copilot.domain.knowledge import BlockKind, Passage
from copilot.domain.words import words
from copilot.ports import TokenCounter
from copilot.retrieval.chunking import ChunkLimits, embedded_text
from copilot.retrieval.lint.corpus import Corpus, place_of

_FRAGMENT = 4
"""Words. A passage with fewer says nothing by itself."""
_LONG_DOCUMENT = 4
"""Passages from which on a document without a heading is hard to find one's way in."""
_PIECES_PER_CHARACTER = 0.25
"""Fewest word pieces of a text; below the limit by this count, it is not counted."""


def find_misshapen(corpus: Corpus, pieces: TokenCounter) -> Iterator[Finding]:
    """`pieces` counts what the embedding model reads."""
    for document in corpus.current_documents():
        cut = corpus.cut.get(document.id, [])
        if not cut:
            yield Finding(
                check=LintCheck.PASSAGE,
                severity=Severity.ERROR,
                message="It has no passage, so nothing in it can be found.",
                places=(place_of(document),),
            )
        for passage in cut:
            yield from _too_long(corpus, passage, pieces)
            if passage.kind is BlockKind.PARAGRAPH and len(words(passage.text)) < _FRAGMENT:
                yield _finding(
                    corpus, passage, Severity.NOTICE, "A fragment: too short to say anything by itself."
                )
        if len(cut) >= _LONG_DOCUMENT and not any(passage.heading_path for passage in cut):
            yield Finding(
                check=LintCheck.PASSAGE,
                severity=Severity.WARNING,
                message=f"Its {len(cut)} passages stand below no heading: nothing says what each is about.",
                places=(place_of(document),),
            )


def _too_long(corpus: Corpus, passage: Passage, pieces: TokenCounter) -> Iterator[Finding]:
    text, limit = embedded_text(passage), ChunkLimits().pieces
    if len(text) * _PIECES_PER_CHARACTER / 2 <= limit:
        return
    count = pieces.count(text)
    if count > limit:
        message = f"The embedding model reads {limit} of its {count} word pieces."
        yield _finding(corpus, passage, Severity.WARNING, message)


def _finding(corpus: Corpus, passage: Passage, severity: Severity, message: str) -> Finding:
    return Finding(
        check=LintCheck.PASSAGE, severity=severity, message=message, places=(corpus.place(passage),)
    )
