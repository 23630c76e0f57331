"""Hybrid search: keywords and vectors side by side, fused, filtered, and honest about what is not there."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import nlargest

import numpy as np

from copilot.domain.knowledge import ScoredPassage, ScoreParts, SearchQuery, SearchResult
from copilot.domain.words import words
from copilot.ports import Clock, Embedder, KnowledgeStore, PassageIndex, QueryRewriter, Vectors
from copilot.retrieval.calibration import Calibration, Features
from copilot.retrieval.candidates import Candidate, without_copies
from copilot.retrieval.chunking import embedded_text
from copilot.retrieval.conflicts import find_conflicts
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


async def _nothing() -> Scores:
    return []


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
        return self._result(query, await self._find(query))

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
        """Scored, filtered, best first."""
        wide = LONG_CANDIDATES if is_long(query.text) else CANDIDATES
        question, (matched, leaned_on), passages = await asyncio.gather(
            read_question(query, self._embedder), self._match(query, wide), self._count(query.tenant_id)
        )
        if not words(query.text):
            return []
        day = query.as_of or self._clock.now().date()

        async def scored(found: _Found) -> list[Candidate]:
            return self._scored(question, await self._candidates(query, day, found), passages)

        near = await self._index.nearest(query.tenant_id, question.in_context, wide)
        found = _Found(matched, leaned_on, near)
        candidates = await scored(found)
        enough = max(query.limit, ENOUGH)
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
            self._match(query, WIDER), self._index.nearest(query.tenant_id, question.in_context, WIDER)
        )
        return _Found(matched, leaned_on, near)

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
        return await asyncio.gather(
            self._store.match(query.tenant_id, query.text, limit, among=among),
            self._store.match(query.tenant_id, earlier, limit, among=among) if earlier else _nothing(),
        )

    async def _count(self, tenant_id: str) -> int:
        """Of the tenant's passages, as it was a moment ago: only its order of magnitude matters."""
        now = self._clock.now()
        count, counted_at = self._counts.get(tenant_id, (0, now))
        if not count or now - counted_at > _COUNTED_EVERY:
            count = await self._store.passage_count(tenant_id)
            self._counts[tenant_id] = count, now
        return count

    async def _candidates(self, query: SearchQuery, day: date, found: _Found) -> list[Candidate]:
        """What the filters leave, with vectors, not yet scored."""
        last = dict(found.matched)
        keyword = {
            identity: last.get(identity, 0.0) + HISTORY_KEYWORD_WEIGHT * score
            for identity, score in {**dict.fromkeys(last, 0.0), **dict(found.leaned_on)}.items()
        }
        ranks = {identity: rank for rank, (identity, _) in enumerate(found.matched, start=1)}
        dense_ranks = {identity: rank for rank, (identity, _) in enumerate(found.near, start=1)}
        # Of what only earlier turns match, no more than if they had been part of the question.
        best = nlargest(max(len(found.matched), len(found.near)), keyword, key=keyword.__getitem__)
        fetched = await self._store.fetch(query.tenant_id, list(dict.fromkeys([*best, *dense_ranks])))
        left = {
            identity: (passage, document)
            for identity, (passage, document) in fetched.items()
            if wanted(document, query, day)
        }
        newest = newest_versions(document for _, document in left.values())
        vectors = await self._store.cached_vectors(
            list(dict.fromkeys(passage.content_hash for passage, _ in left.values())), self._embedder.model_id
        )
        return [
            Candidate(
                passage=passage,
                document=document,
                vector=vectors[passage.content_hash],
                keyword=keyword.get(identity, 0.0),
                rank_keyword=ranks.get(identity),
                rank_dense=dense_ranks.get(identity),
            )
            for identity, (passage, document) in left.items()
            if document.id in newest and passage.content_hash in vectors
        ]

    def _scored(self, question: Question, candidates: Sequence[Candidate], passages: int) -> list[Candidate]:
        """Best first, each text once."""
        if not candidates:
            return []
        vectors = np.stack([candidate.vector for candidate in candidates])
        bm25 = np.array([candidate.keyword for candidate in candidates], dtype=np.float32)
        shares = keyword_share(bm25, len(question.stems), passages)
        cosines = question.cosines(vectors)
        first = first_scores(cosines, shares)
        read = np.argsort(-first, kind="stable")[:READ]
        covered = Coverage.of(question.stems, [embedded_text(candidates[row].passage) for row in read])
        coverage = np.zeros(len(candidates), dtype=np.float32)
        coverage[read] = covered.shares
        scores, likeness = final_scores(first, coverage, vectors, feedback=len(question.parts) > 0)
        for row, candidate in enumerate(candidates):
            candidate.cosine, candidate.keyword_share = float(cosines[row]), float(shares[row])
            candidate.likeness = float(likeness[row])
            candidate.coverage, candidate.score = float(coverage[row]), float(scores[row])
        best = sorted(candidates, key=lambda candidate: (-candidate.score, candidate.passage.id))
        return without_copies(best)

    def _result(self, query: SearchQuery, candidates: Sequence[Candidate]) -> SearchResult:
        top = candidates[: query.limit]
        if not top:
            return SearchResult(passages=(), answerable=False, confidence=0.0)
        compared = top[:COMPARED]
        vectors: Vectors = np.stack([candidate.vector for candidate in compared])
        conflicts = find_conflicts([(item.passage, item.document) for item in compared], vectors)
        conflicts += [()] * (len(top) - len(compared))
        passages = tuple(
            ScoredPassage(
                passage=item.passage,
                document=item.document,
                score=item.score,
                confidence=self._calibration.confidence(item.features()),
                rank_keyword=item.rank_keyword,
                rank_dense=item.rank_dense,
                parts=ScoreParts(cosine=item.cosine, keyword=item.keyword_share, likeness=item.likeness),
                conflicts_with=against,
            )
            for item, against in zip(top, conflicts, strict=True)
        )
        # Of the best passage, as it was calibrated: the highest of several would be too sure.
        confidence = passages[0].confidence
        return SearchResult(
            passages=passages,
            answerable=confidence >= self._calibration.threshold,
            confidence=confidence,
        )
