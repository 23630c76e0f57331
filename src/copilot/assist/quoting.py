"""The sentences of passages that answer a question, as citations with exact offsets."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

import numpy as np

from copilot.assist.collaborators import RankedSentence
from copilot.assist.words import content_words, overlap
from copilot.domain.assist import KnowledgeCard
from copilot.domain.knowledge import Audience, BlockKind, Citation, KnowledgeDocument, ScoredPassage
from copilot.ports import Embedder, Vector, Vectors
from copilot.retrieval.sentences import split_sentences

_EMBEDDED = 10
_CACHED = 8192
_LEXICAL_SHARE = 0.35
_FIRST_RANK_BONUS = 0.06
_MIN_WORDS, _MAX_CHARACTERS = 4, 420
_LEADING_MARK = re.compile(
    r"^(?:[-*•–]\s+|(?:[QA]:\s+)|\d+(?:\.\d+)*[.)]?\s+(?=[A-Z])|§\s*\d+(?:\.\d+)*\s+)+"
)


class QuoteRanker:
    """Scores sentences by shared words and by embedding; vectors of sentences seen before are kept."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[str, Vector] = OrderedDict()

    async def rank(self, query: str, passages: Sequence[ScoredPassage], limit: int) -> list[RankedSentence]:
        """`score` mixes lexical overlap and cosine; only the lexically and positionally best are embedded."""
        candidates = [
            (scored, start, end, overlap(query, scored.passage.text[start:end]) - 0.05 * position)
            for position, scored in enumerate(passages)
            for start, end in quotable_spans(scored)
        ]
        candidates.sort(key=lambda c: -c[3])
        candidates = candidates[:_EMBEDDED]
        if not candidates:
            return []
        vectors = await self._embed([s.passage.text[a:b] for s, a, b, _ in candidates])
        cosines = vectors @ await self._embedder.embed_query(query)
        first = passages[0].passage.id
        ranked = [
            RankedSentence(scored, start, end, _score(query, scored, start, end, float(cosine), first))
            for (scored, start, end, _), cosine in zip(candidates, cosines, strict=True)
        ]
        return sorted(ranked, key=lambda r: -r.score)[:limit]

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        new = [t for t in dict.fromkeys(texts) if t not in self._vectors]
        if new:
            for text, vector in zip(new, await self._embedder.embed_passages(new), strict=True):
                self._vectors[text] = vector
        rows = np.stack([self._vectors[t] for t in texts])
        for text in texts:
            self._vectors.move_to_end(text)
        while len(self._vectors) > _CACHED:
            self._vectors.popitem(last=False)
        return rows


def _score(query: str, scored: ScoredPassage, start: int, end: int, cosine: float, first: str) -> float:
    lexical = overlap(query, scored.passage.text[start:end])
    bonus = _FIRST_RANK_BONUS if scored.passage.id == first else 0.0
    return max(0.0, min(1.0, (1 - _LEXICAL_SHARE) * max(0.0, cosine) + _LEXICAL_SHARE * lexical + bonus))


def quotable_spans(scored: ScoredPassage) -> list[tuple[int, int]]:
    """Whole sentences of the passage that can be said to a customer as they stand."""
    passage = scored.passage
    if passage.kind in {BlockKind.TABLE, BlockKind.CODE, BlockKind.HEADING}:
        return []
    spans = []
    for start, end in split_sentences(passage.text):
        mark = _LEADING_MARK.match(passage.text[start:end])
        begin = start + (mark.end() if mark else 0)
        if _says_something(passage.text[begin:end]):
            spans.append((begin, end))
    return spans


def _says_something(sentence: str) -> bool:
    return (
        len(sentence.split()) >= _MIN_WORDS
        and len(sentence) <= _MAX_CHARACTERS
        and sentence.endswith((".", "!", "”", '"', ")", "…"))
        and not sentence.startswith(("|", "Yes", "No,"))  # an answer to another question
    )


def cite(scored: ScoredPassage, start: int, end: int) -> Citation | None:
    """Characters `start`..`end` of the passage, cited in its document; None if they are not there."""
    passage, document = scored.passage, scored.document
    quote = passage.text[start:end]
    at = passage.start + start
    if document.text[at : at + len(quote)] != quote:
        # A part of a long table repeats the header, so its offsets are shifted.
        at = document.text.find(quote, passage.start, max(passage.end, passage.start) + len(quote))
        if at < 0 or not quote:
            return None
    return Citation(
        passage_id=passage.id,
        document_id=document.id,
        external_id=document.external_id,
        title=document.title,
        version=document.version,
        heading_path=passage.heading_path,
        clause=passage.clause,
        page=passage.page,
        quote=quote,
        start=at,
        end=at + len(quote),
        audience=document.audience,
        source=document.source,
    )


def is_stale(document: KnowledgeDocument, today: date) -> bool:
    """Past its review date, superseded, or not in force any more."""
    overdue = document.review_on is not None and document.review_on < today
    ended = document.valid_to is not None and document.valid_to < today
    return overdue or ended or document.superseded_by is not None


def may_be_quoted(scored: ScoredPassage, as_of: date, today: date) -> bool:
    """Whether a customer may be told this: public, in force on `as_of`, and not overdue for review."""
    document = scored.document
    overdue = document.review_on is not None and document.review_on < today
    return (
        document.audience is Audience.PUBLIC
        and document.quarantined is None
        and document.in_force(as_of)
        and not overdue
        and (document.superseded_by is None or document.valid_to is not None)
    )


def without_losers(passages: Sequence[ScoredPassage]) -> list[ScoredPassage]:
    """Of passages that contradict each other, the one to believe: a numbered clause, then the newest."""
    by_id = {s.passage.id: s for s in passages}
    return [
        scored
        for scored in passages
        if all(
            _authority(scored) >= _authority(by_id[other])
            for other in scored.conflicts_with
            if other in by_id
        )
    ]


def _authority(scored: ScoredPassage) -> tuple[bool, date, float]:
    document = scored.document
    return (scored.passage.clause is not None, document.valid_from or date.min, scored.confidence)


def card_of(scored: ScoredPassage, sentence: tuple[int, int] | None, today: date) -> KnowledgeCard | None:
    """The card that shows a passage, `sentence` marked as its quote (else the whole passage)."""
    passage, document = scored.passage, scored.document
    start, end = sentence or _opening(passage.text)
    citation = cite(scored, start, end)
    if citation is None:
        return None
    updated = document.valid_from or document.review_on
    return KnowledgeCard(
        citation=citation,
        text=passage.text,
        confidence=scored.confidence,
        updated_on=updated.isoformat() if updated and updated == document.valid_from else None,
        stale=is_stale(document, today),
        conflicts_with=scored.conflicts_with,
    )


def _opening(text: str) -> tuple[int, int]:
    spans = split_sentences(text)
    return next(((a, b) for a, b in spans if content_words(text[a:b])), (0, len(text)))


def best_span(query: str, scored: ScoredPassage) -> tuple[int, int] | None:
    """The sentence of a passage that shares most words with the query, for marking it on a card."""
    text = scored.passage.text
    spans = quotable_spans(scored) or split_sentences(text)
    return max(spans, key=lambda s: (overlap(query, text[s[0] : s[1]]), -s[0]), default=None)
