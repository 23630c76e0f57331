"""The sentences of passages that answer a question, as citations with exact offsets."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

import numpy as np

from copilot.assist.collaborators import RankedSentence
from copilot.assist.quotables import Quotable, asks_quantity, has_quantity, quotable_spans, quotables, sayings
from copilot.assist.quote_weights import QuoteFeatures, QuoteWeights
from copilot.assist.words import content_words, overlap
from copilot.domain.assist import KnowledgeCard
from copilot.domain.knowledge import Audience, Citation, KnowledgeDocument, Passage, ScoredPassage
from copilot.ports import Embedder, Vector, Vectors
from copilot.retrieval.sentences import split_sentences

_EMBEDDED = 10
_CACHED = 8192
_PREPARED = _CACHED // 2
_AT_ONCE = 64


class QuoteRanker:
    """Scores sentences by shared words, meaning and place; vectors of sentences seen before are kept."""

    def __init__(self, embedder: Embedder, weights: QuoteWeights | None = None) -> None:
        self._embedder = embedder
        self._weights = weights or QuoteWeights.load()
        self._vectors: OrderedDict[str, Vector] = OrderedDict()

    async def prepare(self, passages: Sequence[Passage]) -> bool:
        """Embeds their sentences before anybody asks; False when no more would be kept."""
        said = list(dict.fromkeys(text for passage in passages for text in sayings(passage)))
        for start in range(0, len(said), _AT_ONCE):
            if len(self._vectors) >= _PREPARED:
                return False
            await self._embed(said[start : start + _AT_ONCE])
        return True

    async def rank(self, query: str, passages: Sequence[ScoredPassage], limit: int) -> list[RankedSentence]:
        """`score` is the probability that the sentence answers; only the lexically best are embedded."""
        rows = await self.features(query, passages)
        ranked = [
            RankedSentence(s.scored, s.start, s.end, self._weights.probability(f), s.said) for s, f in rows
        ]
        return sorted(ranked, key=lambda r: -r.score)[:limit]

    async def features(
        self, query: str, passages: Sequence[ScoredPassage]
    ) -> list[tuple[Quotable, QuoteFeatures]]:
        """What the score is made of, for each sentence that may win."""
        candidates = [
            (quotable, overlap(query, quotable.said) - 0.05 * position)
            for position, scored in enumerate(passages)
            for quotable in quotables(scored, query)
        ]
        candidates.sort(key=lambda c: -c[1])
        chosen = [quotable for quotable, _ in candidates[:_EMBEDDED]]
        if not chosen:
            return []
        vectors = await self._embed([q.said for q in chosen])
        cosines = vectors @ await self._embedder.embed_query(query)
        first = passages[0].passage.id
        return [
            (quotable, _features(query, quotable, float(cosine), first))
            for quotable, cosine in zip(chosen, cosines, strict=True)
        ]

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


def _features(query: str, quotable: Quotable, cosine: float, first: str) -> QuoteFeatures:
    passage, said = quotable.scored.passage, quotable.said
    return QuoteFeatures(
        cosine=max(0.0, cosine),
        overlap=overlap(query, said),
        heading=overlap(query, passage.context),
        confidence=quotable.scored.confidence,
        first=float(passage.id == first),
        lacks_quantity=float(asks_quantity(query) and not has_quantity(said)),
        clause=float(passage.clause is not None),
        length=min(len(said.split()), 40) / 40,
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
    replaced = document.superseded_by is not None or document.valid_to is not None
    # Nobody reviews a version that has been replaced; it is still what the older order goes by.
    overdue = document.review_on is not None and document.review_on < today and not replaced
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
    spans = quotable_spans(scored.passage) or split_sentences(text)
    return max(spans, key=lambda s: (overlap(query, text[s[0] : s[1]]), -s[0]), default=None)
