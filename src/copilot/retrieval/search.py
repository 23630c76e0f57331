"""Hybrid search: keywords and vectors side by side, fused, filtered, and honest about what is not there.

Scores are fused, not ranks: the cosine and the BM25 score relative to the best of this query keep what rank
fusion throws away, how much better one passage is than the next (docs/decisions says what was measured).
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Self

import numpy as np

from copilot.domain.knowledge import KnowledgeDocument, Passage, ScoredPassage, SearchQuery, SearchResult
from copilot.domain.words import content_words, stem, words
from copilot.ports import Clock, Embedder, KnowledgeStore, PassageIndex, Vector, Vectors
from copilot.retrieval.calibration import Calibration, Features
from copilot.retrieval.chunking import embedded_text
from copilot.retrieval.conflicts import find_conflicts

KEYWORD_WEIGHT = 0.6
HISTORY_WEIGHT = 0.5
"""Of the turn before the last in the query's vector; each earlier one has `HISTORY_DECAY` of the next."""
HISTORY_DECAY = 0.6
HISTORY_KEYWORD_WEIGHT = 0.1
DENSE_HISTORY = 4
KEYWORD_HISTORY = 4
"""How many turns a query leans on."""
OVERFETCH = (64, 400)
"""Candidates from each side; more when filters left fewer than were asked for."""
COMPARED = 10
"""Passages held against each other for contradictions: the work grows with the square."""


@dataclass
class _Candidate:
    passage: Passage
    document: KnowledgeDocument
    keyword: float
    last_keyword: float
    rank_keyword: int | None
    rank_dense: int | None
    cosine: float = 0.0
    last_cosine: float = 0.0
    score: float = 0.0
    vector: Vector = field(default_factory=lambda: np.empty(0, dtype=np.float32))


@dataclass(frozen=True)
class _Question:
    """The query as both sides need it; vectors are of unit length."""

    last: Vector
    in_context: Vector
    stems: frozenset[str]


@dataclass(frozen=True)
class _Matches:
    """What the keywords found, by BM25: of the last turn, and of the earlier ones it leans on."""

    last: list[tuple[str, float]]
    leaned_on: list[tuple[str, float]]


async def _nothing() -> list[tuple[str, float]]:
    return []


class KnowledgeSearch:
    """Answers one tenant's questions; holds no state of its own."""

    def __init__(
        self,
        *,
        store: KnowledgeStore,
        index: PassageIndex,
        embedder: Embedder,
        clock: Clock,
        calibration: Calibration,
    ) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._clock = clock
        self._calibration = calibration

    async def search(self, query: SearchQuery) -> SearchResult:
        """Best passages first. A query without a word finds nothing."""
        question, candidates = await self._find(query)
        return self._result(query, question, candidates)

    async def features(self, query: SearchQuery) -> Features:
        """Of the best passage: what calibration is fitted on. All zero when nothing is found."""
        question, candidates = await self._find(query)
        if not candidates:
            return Features(cosine=0.0, context_cosine=0.0, coverage=0.0, keyword=0.0, lead=0.0)
        return _features(candidates[0], question, _Field.of(question, candidates))

    async def _find(self, query: SearchQuery) -> tuple[_Question, list[_Candidate]]:
        first, *wider = OVERFETCH
        question, matches = await asyncio.gather(self._question(query), self._match(query, first))
        if not words(query.text):
            return question, []
        candidates, exhausted = await self._candidates(query, question, matches, first)
        for limit in wider:
            if exhausted or len(candidates) >= query.limit:
                break
            matches = await self._match(query, limit)
            candidates, exhausted = await self._candidates(query, question, matches, limit)
        return question, candidates

    async def _match(self, query: SearchQuery, limit: int) -> _Matches:
        earlier = " ".join(query.history[-KEYWORD_HISTORY:])
        last, leaned_on = await asyncio.gather(
            self._store.match(query.tenant_id, query.text, limit),
            self._store.match(query.tenant_id, earlier, limit) if earlier else _nothing(),
        )
        return _Matches(last, leaned_on)

    async def _question(self, query: SearchQuery) -> _Question:
        """Earlier turns pull the vector towards what the last one leans on ("and for gold members?")."""
        history = [turn for turn in query.history if words(turn)][-DENSE_HISTORY:]
        vectors = await asyncio.gather(
            *(self._embedder.embed_query(text) for text in (query.text, *reversed(history)))
        )
        weights = [1.0, *(HISTORY_WEIGHT * HISTORY_DECAY**age for age in range(len(history)))]
        blend = np.asarray(weights, dtype=np.float32) @ np.stack(vectors)
        return _Question(
            last=vectors[0],
            in_context=np.asarray(blend / max(float(np.linalg.norm(blend)), 1e-9), dtype=np.float32),
            stems=frozenset(stem(word) for word in content_words(query.text)),
        )

    async def _candidates(
        self, query: SearchQuery, question: _Question, matches: _Matches, limit: int
    ) -> tuple[list[_Candidate], bool]:
        """Scored, filtered, best first; and whether there was nothing more to fetch."""
        matched, leaned_on = matches.last, matches.leaned_on
        near = await self._index.nearest(query.tenant_id, question.in_context, limit)
        last = dict(matched)
        keyword = {
            identity: last.get(identity, 0.0) + HISTORY_KEYWORD_WEIGHT * score
            for identity, score in {**dict.fromkeys(last, 0.0), **dict(leaned_on)}.items()
        }
        ranks = {identity: rank for rank, (identity, _) in enumerate(matched, start=1)}
        dense_ranks = {identity: rank for rank, (identity, _) in enumerate(near, start=1)}
        found = await self._store.fetch(query.tenant_id, list(keyword | dense_ranks))
        day = query.as_of or self._clock.now().date()
        candidates = [
            _Candidate(
                passage=passage,
                document=document,
                keyword=keyword.get(identity, 0.0),
                last_keyword=last.get(identity, 0.0),
                rank_keyword=ranks.get(identity),
                rank_dense=dense_ranks.get(identity),
            )
            for identity, (passage, document) in found.items()
            if _wanted(document, query, day)
        ]
        candidates = await self._with_vectors(question, _newest_versions(candidates))
        best = max((candidate.keyword for candidate in candidates), default=0.0) or 1.0
        for candidate in candidates:
            candidate.score = candidate.cosine + KEYWORD_WEIGHT * candidate.keyword / best
        candidates.sort(key=lambda candidate: (-candidate.score, candidate.passage.id))
        exhausted = max(len(matched), len(leaned_on), len(near)) < limit
        return _without_copies(candidates), exhausted

    async def _with_vectors(self, question: _Question, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """Cosines of all, also of those that only the keywords found."""
        hashes = list(dict.fromkeys(candidate.passage.content_hash for candidate in candidates))
        vectors = await self._store.cached_vectors(hashes, self._embedder.model_id)
        kept = [candidate for candidate in candidates if candidate.passage.content_hash in vectors]
        if not kept:
            return []
        matrix = np.stack([vectors[candidate.passage.content_hash] for candidate in kept])
        cosines = matrix @ np.stack([question.in_context, question.last]).T
        for candidate, vector, (in_context, last) in zip(kept, matrix, cosines.tolist(), strict=True):
            candidate.vector, candidate.cosine, candidate.last_cosine = vector, in_context, last
        return kept

    def _result(
        self, query: SearchQuery, question: _Question, candidates: Sequence[_Candidate]
    ) -> SearchResult:
        top = candidates[: query.limit]
        if not top:
            return SearchResult(passages=(), answerable=False, confidence=0.0)
        others = _Field.of(question, candidates)
        compared = top[:COMPARED]
        vectors: Vectors = np.stack([candidate.vector for candidate in compared])
        conflicts = find_conflicts([(item.passage, item.document) for item in compared], vectors)
        conflicts += [()] * (len(top) - len(compared))
        passages = tuple(
            ScoredPassage(
                passage=item.passage,
                document=item.document,
                score=item.score,
                confidence=self._calibration.confidence(_features(item, question, others)),
                rank_keyword=item.rank_keyword,
                rank_dense=item.rank_dense,
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


@dataclass(frozen=True)
class _Field:
    """What one passage is compared with: the candidates' mean cosine, and how telling each asked word is.

    A word that few candidates have tells much; one that none has (what is asked may not be here) tells most.
    """

    mean_cosine: float
    worth: dict[str, float]

    @classmethod
    def of(cls, question: _Question, candidates: Sequence[_Candidate]) -> Self:
        having = [question.stems & _stems(embedded_text(candidate.passage)) for candidate in candidates]
        frequency = Counter(term for terms in having for term in terms)
        return cls(
            mean_cosine=float(np.mean([candidate.cosine for candidate in candidates])),
            worth={term: math.log(1 + len(candidates) / (1 + frequency[term])) for term in question.stems},
        )


@lru_cache(maxsize=8192)
def _stems(passage_text: str) -> frozenset[str]:
    """Remembered, because the same passages are candidates again and again."""
    return frozenset(stem(word) for word in set(words(passage_text)))


def _features(candidate: _Candidate, question: _Question, others: _Field) -> Features:
    present = question.stems & _stems(embedded_text(candidate.passage))
    return Features(
        cosine=candidate.last_cosine,
        context_cosine=candidate.cosine,
        coverage=sum(others.worth[term] for term in present) / (sum(others.worth.values()) or 1.0),
        keyword=candidate.last_keyword / max(1, len(question.stems)),
        lead=candidate.cosine - others.mean_cosine,
    )


def _wanted(document: KnowledgeDocument, query: SearchQuery, day: date) -> bool:
    """What the filters leave. A superseded version is shown only when asked for a day it was in force."""
    return (
        document.audience in query.audiences
        and document.in_force(day)
        and not (document.superseded_by and query.as_of is None)
        and query.locale in {None, document.locale}
        and (query.product is None or document.product in {None, query.product})
        and query.tags <= set(document.tags)
    )


def _newest_versions(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Of one document's versions that claim the same day, the one that came into force last."""
    candidates = list(candidates)
    newest: dict[str, tuple[date, int, str]] = {}
    for candidate in candidates:
        name = candidate.document.external_id
        newest[name] = max(newest.get(name, _age(candidate.document)), _age(candidate.document))
    return [item for item in candidates if _age(item.document) == newest[item.document.external_id]]


def _age(document: KnowledgeDocument) -> tuple[date, int, str]:
    number = int(document.version) if document.version.isdecimal() else -1
    return document.valid_from or date.min, number, document.version


def _without_copies(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """The best of those with the same words."""
    seen: set[str] = set()
    kept = []
    for candidate in candidates:
        key = " ".join(candidate.passage.text.casefold().split())
        if key not in seen:
            seen.add(key)
            kept.append(candidate)
    return kept
