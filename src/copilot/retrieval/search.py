"""Hybrid search: keywords and vectors side by side, fused, filtered, and honest about what is not there."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import nlargest

import numpy as np

from copilot.domain.knowledge import (
    KnowledgeDocument,
    Passage,
    PassageFacts,
    ScoredPassage,
    ScoreParts,
    SearchQuery,
    SearchResult,
)
from copilot.domain.words import words
from copilot.ports import Clock, Embedder, KnowledgeStore, PassageIndex, QueryRewriter, Vector, Vectors
from copilot.ports import trace_names as names
from copilot.ports.tracing import span
from copilot.retrieval.calibration import Calibration, Features
from copilot.retrieval.candidates import Candidate, without_copies
from copilot.retrieval.conflicts import find_conflicts, has_quantities
from copilot.retrieval.coverage import Coverage
from copilot.retrieval.filters import newest_versions, wanted
from copilot.retrieval.fusion import final_scores, first_scores, keyword_share
from copilot.retrieval.question import HISTORY_TURNS, Question, is_long, read_question

HISTORY_KEYWORD_WEIGHT = 0.08
CANDIDATES = 64
LONG_CANDIDATES = 128
"""From each side; more for a long text, to whose several questions more passages answer."""
ENOUGH = 20
"""When filters leave fewer, what they leave is searched by itself."""
SCANNED = 2_000
"""So many passages are compared one by one; when filters leave more, more candidates are fetched first."""
WIDER = 2_000
READ = 40
"""Of the candidates, the best whose words are read."""
COMPARED = 10
"""Passages held against each other for contradictions: the work grows with the square."""
_COUNTED_EVERY = timedelta(minutes=1)
_RETRIEVAL = {names.OPERATION: names.OPERATION_RETRIEVAL, names.DATA_SOURCE: "knowledge"}

Scores = list[tuple[str, float]]
"""(passage id, score), best first."""


@dataclass(frozen=True)
class _Found:
    """By BM25 of the last turn, by BM25 of the turns that it leans on, and nearest by vector."""

    matched: Scores
    leaned_on: Scores
    near: Scores

    def exhausted(self, limit: int) -> bool:
        return max(len(self.matched), len(self.leaned_on), len(self.near)) < limit


@dataclass(frozen=True)
class _Left:
    """What filters leave: for each of `facts` a number in each array and for a long text rows of vectors."""

    facts: Sequence[PassageFacts]
    bm25: Vector
    cosines: Vector
    vectors: Vectors | None
    ranks: Mapping[str, int]
    dense_ranks: Mapping[str, int]


class KnowledgeSearch:
    """Answers one tenant's questions; remembers nothing but how many passages each has."""

    def __init__(
        self,
        *,
        store: KnowledgeStore,
        index: PassageIndex,
        embedder: Embedder,
        clock: Clock,
        calibration: Calibration,
        rewriter: QueryRewriter | None = None,
    ) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._clock = clock
        self._calibration = calibration
        self._rewriter = rewriter
        self._counts: dict[str, tuple[int, datetime]] = {}

    @property
    def threshold(self) -> float:
        """The confidence from which the best passage counts as the answer."""
        return self._calibration.threshold

    async def search(self, query: SearchQuery) -> SearchResult:
        """Best passages first. A query without a word finds nothing."""
        query = await self._rewritten(query)
        with span(names.RETRIEVAL, attributes=_RETRIEVAL) as retrieval:
            result = await self._result(query, await self._find(query))
            retrieval.set({names.ANSWERED: result.answerable, names.CONFIDENCE: result.confidence})
        return result

    async def features(self, query: SearchQuery) -> Features:
        """Of the best passage: what calibration is fitted on. All zero when nothing is found."""
        candidates = await self._find(query)
        if not candidates:
            return Features.nothing()
        return candidates[0].features()

    async def _rewritten(self, query: SearchQuery) -> SearchQuery:
        if self._rewriter is None or not query.rewrite or not query.history:
            return query
        text = await self._rewriter.rewrite(query.text, query.history)
        # The turns stay: what the model put in is not all that they say.
        return query if text is None else query.model_copy(update={"text": text})

    async def _find(self, query: SearchQuery) -> list[Candidate]:
        """Scored, filtered, best first, each text once; the best will do where there are many."""
        wide = LONG_CANDIDATES if is_long(query.text) else CANDIDATES
        question, (matched, leaned_on) = await asyncio.gather(
            read_question(query, self._embedder), self._match(query, wide)
        )
        passages = await self._count(query.tenant_id)
        if not words(query.text):
            return []
        day = query.as_of or self._clock.now().date()

        enough = max(query.limit, ENOUGH)

        async def scored(found: _Found) -> list[Candidate]:
            with span(names.LOOK_UP):
                left = await self._left(query, question, day, found)
            return without_copies(_scored(question, left, passages), enough)

        near = await self._nearest(query, question, wide)
        found = _Found(matched, leaned_on, near)
        candidates = await scored(found)
        if found.exhausted(wide) or len(candidates) >= enough:
            return candidates
        within = await self._store.passages_within(query, day, SCANNED + 1)
        if len(within) > SCANNED:
            candidates = await scored(await self._fetch_wider(query, question))
            if len(candidates) >= query.limit:
                return candidates
            within = await self._store.passages_within(query, day, passages)
        return await scored(await self._search_within(query, question, within))

    async def _fetch_wider(self, query: SearchQuery, question: Question) -> _Found:
        (matched, leaned_on), near = await asyncio.gather(
            self._match(query, WIDER), self._nearest(query, question, WIDER)
        )
        return _Found(matched, leaned_on, near)

    async def _nearest(self, query: SearchQuery, question: Question, limit: int) -> Scores:
        with span(names.DENSE):
            return await self._index.nearest(query.tenant_id, question.in_context, limit)

    async def _search_within(self, query: SearchQuery, question: Question, ids: Sequence[str]) -> _Found:
        """Of these passages alone, and of all of them: no filter is too narrow."""
        matched, leaned_on = await self._match(query, CANDIDATES, among=ids)
        near: Scores = []
        for start in range(0, len(ids), SCANNED):
            names, vectors = await self._store.vectors_of(
                ids[start : start + SCANNED], self._embedder.model_id
            )
            if names:
                cosines = question.cosines(vectors)
                near += zip(names, cosines.tolist(), strict=True)
        near.sort(key=lambda pair: -pair[1])
        return _Found(matched, leaned_on, near[:CANDIDATES])

    async def _match(
        self, query: SearchQuery, limit: int, *, among: Sequence[str] | None = None
    ) -> tuple[Scores, Scores]:
        earlier = " ".join(query.history[-HISTORY_TURNS:])
        last = self._store.match(query.tenant_id, query.text, limit, among=among)
        with span(names.KEYWORD):
            if not earlier:
                return await last, []
            return await asyncio.gather(last, self._store.match(query.tenant_id, earlier, limit, among=among))

    async def _count(self, tenant_id: str) -> int:
        """Of the tenant's passages, as it was a moment ago: only its order of magnitude matters."""
        now = self._clock.now()
        count, counted_at = self._counts.get(tenant_id, (0, now))
        if not count or now - counted_at > _COUNTED_EVERY:
            count = await self._store.passage_count(tenant_id)
            self._counts[tenant_id] = count, now
        return count

    async def _left(self, query: SearchQuery, question: Question, day: date, found: _Found) -> _Left:
        """What the filters leave of what was found."""
        keyword = dict(found.matched)
        for identity, score in found.leaned_on:
            keyword[identity] = keyword.get(identity, 0.0) + HISTORY_KEYWORD_WEIGHT * score
        near = dict(found.near)
        # Of what only earlier turns match, no more than if they had been part of the question.
        best = nlargest(max(len(found.matched), len(found.near)), keyword, key=keyword.__getitem__)
        names = list(dict.fromkeys([*best, *near]))
        # A short question's cosines to what is near came with it; a long one's parts are yet to be compared.
        unknown = names if len(question.parts) else [name for name in names if name not in near]
        looked = await self._store.look_up(query.tenant_id, names, unknown, self._embedder.model_id)
        cosines = {} if len(question.parts) else near
        if looked.embedded:
            compared = question.cosines(looked.vectors).tolist()
            cosines |= zip(looked.embedded, compared, strict=True)
        seen = {facts.document.id: facts.document for facts in looked.passages}
        newest = newest_versions(wanted(seen.values(), query, day))
        kept = [facts for facts in looked.passages if facts.document.id in newest and facts.id in cosines]
        vectors = None
        if len(question.parts):
            rows = {name: row for row, name in enumerate(looked.embedded)}
            vectors = looked.vectors[[rows[facts.id] for facts in kept]]
        return _Left(
            facts=kept,
            bm25=np.array([keyword.get(facts.id, 0.0) for facts in kept], dtype=np.float32),
            cosines=np.array([cosines[facts.id] for facts in kept], dtype=np.float32),
            vectors=vectors,
            ranks=_ranks(found.matched),
            dense_ranks=_ranks(found.near),
        )

    async def _result(self, query: SearchQuery, candidates: Sequence[Candidate]) -> SearchResult:
        top = candidates[: query.limit]
        fetched = await self._store.fetch(query.tenant_id, [item.facts for item in top])
        # But what was deleted in this moment.
        top = [item for item in top if item.facts.id in fetched]
        if not top:
            return SearchResult(passages=(), answerable=False, confidence=0.0)
        conflicts = await self._conflicts([fetched[item.facts.id] for item in top[:COMPARED]])
        passages = tuple(
            ScoredPassage(
                passage=fetched[item.facts.id][0],
                document=fetched[item.facts.id][1],
                score=item.score,
                confidence=self._calibration.confidence(item.features()),
                rank_keyword=item.rank_keyword,
                rank_dense=item.rank_dense,
                parts=ScoreParts(cosine=item.cosine, keyword=item.keyword_share, likeness=item.likeness),
                conflicts_with=tuple(conflicts.get(item.facts.id, ())),
            )
            for item in top
        )
        # Of the best passage, as it was calibrated: the highest of several would be too sure.
        confidence = passages[0].confidence
        return SearchResult(
            passages=passages,
            answerable=confidence >= self._calibration.threshold,
            confidence=confidence,
        )

    async def _conflicts(
        self, found: Sequence[tuple[Passage, KnowledgeDocument]]
    ) -> Mapping[str, Sequence[str]]:
        measured = [(passage, document) for passage, document in found if has_quantities(passage.text)]
        if len({document.id for _, document in measured}) < 2:  # noqa: PLR2004 - it takes two to differ
            return {}
        vectors = await self._store.cached_vectors(
            [passage.content_hash for passage, _ in measured], self._embedder.model_id
        )
        return find_conflicts(measured, vectors)


def _scored(question: Question, left: _Left, passages: int) -> Iterator[Candidate]:
    """Best first."""
    if not left.facts:
        return
    with span(names.FUSE):
        shares = keyword_share(left.bm25, len(question.stems), passages)
        first = first_scores(left.cosines, shares)
    with span(names.RERANK):
        read = np.argsort(-first, kind="stable")[:READ]
        texts = [f"{left.facts[row].context}\n{left.facts[row].text}" for row in read]
        coverage = np.zeros(len(first), dtype=np.float32)
        coverage[read] = Coverage.of(question.stems, texts).shares
        scores, likeness = final_scores(first, coverage, left.vectors)
    order = sorted((-score, left.facts[row].id, row) for row, score in enumerate(scores.tolist()))
    for _, _, row in order:
        identity = left.facts[row].id
        yield Candidate(
            facts=left.facts[row],
            rank_keyword=left.ranks.get(identity),
            rank_dense=left.dense_ranks.get(identity),
            cosine=float(left.cosines[row]),
            keyword_share=float(shares[row]),
            coverage=float(coverage[row]),
            likeness=float(likeness[row]),
            score=float(scores[row]),
        )


def _ranks(scores: Scores) -> dict[str, int]:
    return {identity: rank for rank, (identity, _) in enumerate(scores, start=1)}
