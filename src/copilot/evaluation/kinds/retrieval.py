"""`retrieval`: the product's search over a BEIR folder, after the product's own ingest of its documents."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ir_measures
from ir_measures import RR, R, Success, nDCG

from copilot.assist.collaborators import Searcher
from copilot.config import Settings
from copilot.domain.knowledge import Refusal, SearchQuery
from copilot.evaluation.beir import Corpus, read_corpus, read_grades, read_queries
from copilot.evaluation.fingerprint import digest_of
from copilot.evaluation.kinds.cases import Forgetful, mean, percentile, rounded, score_all
from copilot.evaluation.kinds.kind import CaseMemory, CaseResult, KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import nothing_to_score, sample
from copilot.evaluation.questions import is_question_file, names_of, read_questions
from copilot.evaluation.workbench import knowledge_source, open_workbench, settings_for

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
_WHAT = "a BEIR folder (corpus.jsonl, queries.jsonl, qrels.tsv) or a YAML list of questions"


@dataclass(frozen=True)
class SearchBench:
    """A searcher over documents, and what became of them."""

    search: Searcher
    tenant: str
    notes: tuple[str, ...] = ()


Documents = Corpus | Path
"""Rows of a data set, or a company's knowledge folder."""
OpenSearch = Callable[[Settings, Documents, str], AbstractAsyncContextManager[SearchBench]]


@asynccontextmanager
async def product_search(settings: Settings, documents: Documents, digest: str) -> AsyncIterator[SearchBench]:
    """The product as it is."""
    async with open_workbench(settings, documents, digest) as (knowledge, report, own):
        notes = []
        if report.quarantined:
            notes.append(
                f"{len(report.quarantined)} documents were kept out of search as suspected injection"
            )
        if report.refused:
            notes.append(
                f"{len(report.refused)} documents were refused by ingest: {report.refused[0].reason}"
            )
        yield SearchBench(knowledge.search, own.tenant, tuple(notes))


@dataclass(frozen=True)
class _Query:
    id: str
    text: str
    history: tuple[str, ...]
    as_of: date | None
    grades: Mapping[str, int]
    key: str

    @property
    def slices(self) -> dict[str, str]:
        return {"context": "follow-up" if self.history else "first turn"}


@dataclass(frozen=True)
class _Set:
    """What is asked, over which documents; `unjudged` queries have no right answer."""

    documents: Documents
    digest: str
    cases: list[_Query]
    refused: list[Refusal]
    unjudged: int


class RetrievalKind:
    """nDCG, recall, hits and MRR of documents, and how long one search takes.

    Data is a BEIR folder, or a YAML list of questions over the company's own knowledge folder.
    """

    name = "retrieval"

    def __init__(self, open_search: OpenSearch = product_search) -> None:
        self._open_search = open_search

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        return await self.resume(options, on_progress, Forgetful())

    async def resume(self, options: KindOptions, on_progress: OnProgress, memory: CaseMemory) -> KindResult:
        settings = settings_for(options.system)
        asked = _questions(options.data, settings) if is_question_file(options.data) else _beir(options.data)
        if not asked.cases:
            raise nothing_to_score(options.data, asked.refused, _WHAT)
        cases = sample(asked.cases, options.limit, options.seed)
        async with self._open_search(settings, asked.documents, asked.digest) as bench:
            await bench.search.search(SearchQuery(tenant_id=bench.tenant, text="warm up"))

            async def score(case: _Query) -> CaseResult:
                return await _scored(case, bench)

            # One after another: searches side by side would time each other.
            results = await score_all(cases, score, on_progress, memory, at_once=1)
        notes = list(bench.notes)
        if asked.unjudged:
            notes.append(f"{asked.unjudged} queries have no relevant document and are not scored")
        figures = {name: mean(results, name) for name in _MEASURES}
        figures |= {
            "latency_p50_ms": percentile(results, "latency_ms", 50),
            "latency_p95_ms": percentile(results, "latency_ms", 95),
        }
        return KindResult(
            figures=rounded(figures),
            cases=tuple(results),
            refused=tuple(asked.refused),
            notes=tuple(notes),
        )


def _beir(folder: Path) -> _Set:
    corpus, refused = read_corpus(folder)
    queries, bad = read_queries(folder)
    known = {q.value.id for q in queries}
    grades, wrong = read_grades(folder, known, {row.id for row in corpus.rows})
    cases = [
        _Query(
            id=q.value.id,
            text=q.value.text,
            history=q.value.earlier,
            as_of=None,
            grades=grades[q.value.id],
            key=digest_of(corpus.digest, q.digest, str(grades[q.value.id])),
        )
        for q in queries
        if q.value.id in grades
    ]
    return _Set(corpus, corpus.digest, cases, [*refused, *bad, *wrong], len(queries) - len(cases))


def _questions(file: Path, settings: Settings) -> _Set:
    rows, refused = read_questions(file)
    folder, digest = knowledge_source(settings)
    cases = [
        _Query(
            id=name,
            text=row.value.question,
            history=row.value.history,
            as_of=row.value.as_of,
            grades=dict.fromkeys(row.value.documents, 1),
            key=digest_of(digest, row.digest),
        )
        for name, row in zip(names_of(rows), rows, strict=True)
        if row.value.kind == "answerable"
    ]
    return _Set(folder, digest, cases, refused, 0)


async def _scored(case: _Query, bench: SearchBench) -> CaseResult:
    query = SearchQuery(
        tenant_id=bench.tenant, text=case.text, history=case.history, as_of=case.as_of, limit=_FETCHED
    )
    begun = time.perf_counter()
    found = await bench.search.search(query)
    milliseconds = (time.perf_counter() - begun) * 1000
    ranking = list(dict.fromkeys(p.document.external_id for p in found.passages))
    return CaseResult(
        id=case.id,
        scores={**measured(ranking, case.grades), "latency_ms": round(milliseconds, 3)},
        slices=case.slices,
        evidence={
            "question": case.text,
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
