"""`retrieval`: the product's search over a BEIR folder, after the product's own ingest of its documents."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import ir_measures
from ir_measures import RR, R, Success, nDCG

from copilot.assist.collaborators import Searcher
from copilot.config import Settings
from copilot.domain.knowledge import SearchQuery
from copilot.evaluation.beir import Corpus, QueryRow, read_corpus, read_grades, read_queries
from copilot.evaluation.fingerprint import digest_of
from copilot.evaluation.kinds.cases import Forgetful, mean, percentile, rounded, score_all
from copilot.evaluation.kinds.kind import CaseMemory, CaseResult, KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import nothing_to_score, sample
from copilot.evaluation.workbench import open_workbench, settings_for

_MEASURES = {
    "nDCG@10": nDCG @ 10,
    "recall@10": R @ 10,
    "hit@1": Success @ 1,
    "hit@3": Success @ 3,
    "hit@5": Success @ 5,
    "hit@10": Success @ 10,
    "MRR": RR,
}
_FETCHED = 50
_SHOWN = 10
_WHAT = "a BEIR folder: corpus.jsonl, queries.jsonl, qrels.tsv"


@dataclass(frozen=True)
class SearchBench:
    """A searcher over a corpus, and what became of its documents."""

    search: Searcher
    tenant: str
    notes: tuple[str, ...] = ()


OpenSearch = Callable[[Settings, Corpus], AbstractAsyncContextManager[SearchBench]]


@asynccontextmanager
async def product_search(settings: Settings, corpus: Corpus) -> AsyncIterator[SearchBench]:
    """The product as it is."""
    async with open_workbench(settings, corpus, corpus.digest) as (knowledge, report):
        notes = []
        if report.quarantined:
            notes.append(
                f"{len(report.quarantined)} documents were kept out of search as suspected injection"
            )
        if report.refused:
            notes.append(
                f"{len(report.refused)} documents were refused by ingest: {report.refused[0].reason}"
            )
        yield SearchBench(knowledge.search, settings.tenant, tuple(notes))


@dataclass(frozen=True)
class _Query:
    row: QueryRow
    grades: Mapping[str, int]
    key: str

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def slices(self) -> dict[str, str]:
        return {"context": "follow-up" if self.row.history else "first turn"}


class RetrievalKind:
    """nDCG, recall, hits and MRR of documents, and how long one search takes."""

    name = "retrieval"

    def __init__(self, open_search: OpenSearch = product_search) -> None:
        self._open_search = open_search

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        return await self.resume(options, on_progress, Forgetful())

    async def resume(self, options: KindOptions, on_progress: OnProgress, memory: CaseMemory) -> KindResult:
        corpus, refused = read_corpus(options.data)
        queries, bad = read_queries(options.data)
        grades, wrong = read_grades(
            options.data, {q.value.id for q in queries}, {row.id for row in corpus.rows}
        )
        refused += [*bad, *wrong]
        cases = [
            _Query(q.value, grades[q.value.id], digest_of(corpus.digest, q.digest, str(grades[q.value.id])))
            for q in queries
            if q.value.id in grades
        ]
        if not cases:
            raise nothing_to_score(options.data, refused, _WHAT)
        unjudged = len(queries) - len(cases)
        cases = sample(cases, options.limit, options.seed)
        async with self._open_search(settings_for(options.system), corpus) as bench:
            await bench.search.search(SearchQuery(tenant_id=bench.tenant, text="warm up"))

            async def score(case: _Query) -> CaseResult:
                return await _scored(case, bench)

            # One after another: searches side by side would time each other.
            results = await score_all(cases, score, on_progress, memory, at_once=1)
        notes = list(bench.notes)
        if unjudged:
            notes.append(f"{unjudged} queries have no relevant document and are not scored")
        figures = {name: mean(results, name) for name in _MEASURES}
        figures |= {
            "latency_p50_ms": percentile(results, "latency_ms", 50),
            "latency_p95_ms": percentile(results, "latency_ms", 95),
            "documents": float(len(corpus.rows)),
        }
        return KindResult(
            figures=rounded(figures), cases=tuple(results), refused=tuple(refused), notes=tuple(notes)
        )


async def _scored(case: _Query, bench: SearchBench) -> CaseResult:
    query = SearchQuery(tenant_id=bench.tenant, text=case.row.text, history=case.row.earlier, limit=_FETCHED)
    begun = time.perf_counter()
    found = await bench.search.search(query)
    milliseconds = (time.perf_counter() - begun) * 1000
    ranking = list(dict.fromkeys(p.document.external_id for p in found.passages))
    return CaseResult(
        id=case.id,
        scores={**measured(ranking, case.grades), "latency_ms": round(milliseconds, 3)},
        slices=case.slices,
        evidence={
            "question": case.row.text,
            "expected": sorted(case.grades),
            "found": ranking[:_SHOWN],
            "best passage": found.passages[0].passage.text if found.passages else "",
        },
    )


def measured(ranking: Sequence[str], grades: Mapping[str, int]) -> dict[str, float | None]:
    """Of one query, by ir-measures; of several passages of a document the first counts."""
    qrels = [ir_measures.Qrel("q", document, grade) for document, grade in grades.items()]
    run = [ir_measures.ScoredDoc("q", document, -float(place)) for place, document in enumerate(ranking)]
    # A query that found nothing has no row in a run; it scores 0.
    values = {str(m.measure): m.value for m in ir_measures.iter_calc(_MEASURES.values(), qrels, run)}
    return {name: float(values.get(str(measure), 0.0)) for name, measure in _MEASURES.items()}
