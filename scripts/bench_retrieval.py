"""Measures search side by side with what people pick today, on any BEIR folder; see `--help`.

    python scripts/bench_retrieval.py [--data FOLDER…] [--json]

nDCG@10 and recall@10 (by ir-measures) of plain BM25, dense, rank fusion of the two, and our search, over the
same passages in the same run. Where queries have a `history`, which the plain ones do not read, each is
measured once more with the last turns before the question. Where tasks.jsonl says what the corpus answers:
how well the confidence that comes with the product tells the two apart, and how calibrated it is. Without
`--data`: the demo company's own questions. Times are of one search after the other.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from _plain_retrieval import PlainRetrieval, fused
from _retrieval_sets import Question, RetrievalSet, own_questions, read_beir
from ir_measures import R, nDCG
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from copilot.adapters.sql.database import Database
from copilot.bootstrap.knowledge import KnowledgeBase, open_knowledge
from copilot.config import Settings
from copilot.domain.knowledge import SearchQuery, SearchResult

TENANT = "benchmark"
FETCHED = 50
PLAIN = ("bm25", "dense", "rrf")
TURNS_BEFORE = 2
"""That the plain methods are given where they are given any."""
BINS = 10


@dataclass(frozen=True)
class Measured:
    """One search of ours."""

    question: Question
    found: SearchResult
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure search against plain BM25, dense and rank fusion.")
    parser.add_argument("folders", nargs="*", type=Path, help="BEIR folders")
    parser.add_argument(
        "--data",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="BEIR folders: corpus.jsonl, queries.jsonl, qrels.tsv; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    folders = [*arguments.folders, *arguments.data]
    sets = [read_beir(folder) for folder in folders] if folders else [own_questions()]
    figures = {}
    for benchmark in sets:
        figures[benchmark.name] = result = asyncio.run(measure(benchmark))
        show(benchmark.name, result)
    if arguments.json:
        print(json.dumps(figures))


async def measure(benchmark: RetrievalSet) -> dict[str, Any]:
    """The figures of one set, as they are printed."""
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as place:
        settings = Settings(data_dir=Path(place), tenant=TENANT)
        database = await Database.open(Path(place) / "bench.db")
        try:
            async with open_knowledge(settings, database) as knowledge:
                report = await knowledge.ingestor.ingest(TENANT, benchmark.source)
                runs = await plain_runs(knowledge, benchmark)
                ours = [
                    await ask(knowledge, question)
                    for question in track(benchmark.questions, benchmark.name, console=Console(stderr=True))
                ]
        finally:
            await database.close()
    runs["ours"] = {
        one.question.id: list(dict.fromkeys(p.document.external_id for p in one.found.passages))
        for one in ours
    }
    seconds = [one.seconds for one in ours]
    return {
        "documents": benchmark.source.files(),
        "passages": report.passages,
        "quarantined": len(report.quarantined),
        "queries": len(benchmark.judged()),
        **compared(runs, benchmark.relevant),
        **confidence(ours),
        "p50_ms": round(float(np.percentile(seconds, 50)) * 1000, 2),
        "p95_ms": round(float(np.percentile(seconds, 95)) * 1000, 2),
    }


async def ask(knowledge: KnowledgeBase, question: Question) -> Measured:
    query = SearchQuery(
        tenant_id=TENANT,
        text=question.text,
        history=question.history,
        as_of=question.as_of,
        limit=FETCHED,
    )
    begun = time.perf_counter()
    found = await knowledge.search.search(query)
    return Measured(question, found, time.perf_counter() - begun)


async def plain_runs(knowledge: KnowledgeBase, benchmark: RetrievalSet) -> dict[str, dict[str, list[str]]]:
    """Rankings by method and question; `…_history` read the turns before as well."""
    plain = await plain_retrieval(knowledge)
    runs: dict[str, dict[str, list[str]]] = {}
    with_history = any(question.history for question in benchmark.questions)
    for question in benchmark.judged():
        asked = {"": question.text}
        if with_history:
            asked["_history"] = "\n".join([*question.history[-TURNS_BEFORE:], question.text])
        for suffix, text in asked.items():
            keyword = plain.bm25(text)
            dense = plain.dense(await knowledge.embedder.embed_query(text))
            for name, rows in zip(PLAIN, (keyword, dense, fused(keyword, dense)), strict=True):
                runs.setdefault(name + suffix, {})[question.id] = plain.named(rows)
    return runs


async def plain_retrieval(knowledge: KnowledgeBase) -> PlainRetrieval:
    store = knowledge.store
    ids = sorted(await store.passage_ids(TENANT))
    looked = await store.look_up(TENANT, ids, [], knowledge.embedder.model_id)
    found = await store.fetch(TENANT, looked.passages)
    passages = [passage for passage, _ in found.values()]
    known = await store.cached_vectors([p.content_hash for p in passages], knowledge.embedder.model_id)
    vectors = np.stack([known[passage.content_hash] for passage in passages])
    return PlainRetrieval(passages, [document.external_id for _, document in found.values()], vectors)


def compared(
    runs: Mapping[str, Mapping[str, Sequence[str]]], relevant: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """Each method's figures, and how far ours lie above the best of the three plain ones."""
    figures: dict[str, Any] = {name: quality(run, relevant) for name, run in runs.items()}
    for measure_, gain in (("ndcg@10", "gain_over_best"), ("recall@10", "recall_gain_over_best")):
        best = max(figures[name][measure_] for name in PLAIN)
        figures[gain] = round(figures["ours"][measure_] / best - 1, 4)
        if "rrf_history" in figures:
            best = max(figures[f"{name}_history"][measure_] for name in PLAIN)
            figures[f"{gain}_with_history"] = round(figures["ours"][measure_] / best - 1, 4)
    return figures


def quality(run: Mapping[str, Sequence[str]], relevant: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    scored = (
        ir_measures.ScoredDoc(query, document, 1.0 / place)
        for query, documents in run.items()
        for place, document in enumerate(documents, start=1)
    )
    judged = (
        ir_measures.Qrel(query, document, grade)
        for query, grades in relevant.items()
        for document, grade in grades.items()
    )
    found = ir_measures.calc_aggregate([nDCG @ 10, R @ 10], judged, scored)
    return {"ndcg@10": round(found[nDCG @ 10], 4), "recall@10": round(found[R @ 10], 4)}


def confidence(ours: Sequence[Measured]) -> dict[str, Any]:
    """How well it tells what is answered from what is not; nothing where nobody said which is which."""
    labelled = [one for one in ours if one.question.answerable is not None]
    truth = np.array([bool(one.question.answerable) for one in labelled])
    if not labelled or truth.all() or not truth.any():
        return {}
    sure = np.array([one.found.confidence for one in labelled])
    said = np.array([one.found.answerable for one in labelled])
    return {
        "answerable": int(truth.sum()),
        "unanswerable": int((~truth).sum()),
        "abstention_auroc": round(float(roc_auc_score(truth, sure)), 4),
        "answered_of_answerable": round(float(said[truth].mean()), 4),
        "refused_of_unanswerable": round(float((~said[~truth]).mean()), 4),
        "expected_calibration_error": round(calibration_error(truth, sure), 4),
        "brier": round(float(brier_score_loss(truth, sure)), 4),
    }


def calibration_error(truth: np.ndarray, sure: np.ndarray) -> float:
    """Mean distance of what was answered from what was promised, over ten bins of like confidence."""
    kept, promised = calibration_curve(truth, sure, n_bins=BINS)
    sizes = np.bincount(np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], sure), minlength=BINS)
    return float(np.abs(kept - promised) @ sizes[sizes > 0] / len(sure))


def show(name: str, figures: Mapping[str, Any]) -> None:
    table = Table("method", "nDCG@10", "recall@10", title=name)
    for method, value in figures.items():
        if isinstance(value, dict):
            table.add_row(method, f"{value['ndcg@10']:.3f}", f"{value['recall@10']:.3f}")
    console = Console()
    console.print(table)
    others = (f"{key} {value}" for key, value in figures.items() if not isinstance(value, dict))
    console.print(", ".join(others), highlight=False)


if __name__ == "__main__":
    main()
