"""Measures search on BEIR folders (corpus.jsonl, queries.jsonl with history, qrels.tsv); see `--help`.

    python scripts/bench_retrieval.py FOLDER… [--json]

nDCG@10 and recall@10 of plain BM25, dense, reciprocal rank fusion of the two, and our search, over
the same passages in the same run; and the time one search takes, called as the product calls it.
"""

import argparse
import asyncio
import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from calibrate_retrieval import Corpus

from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.clock import SystemClock
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.domain.knowledge import SearchQuery
from copilot.retrieval.calibration import Calibration
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.search import KnowledgeSearch

DEPTH = 10
FETCHED = 50
RRF_CONSTANT = 60


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure search on BEIR folders.")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    figures = {}
    for folder in arguments.folders:
        figures[folder.name] = result = asyncio.run(measure(folder))
        shown = ", ".join(f"{key} {value:.4g}" for key, value in result.items())
        print(f"{folder.name}: {shown}", flush=True)
    if arguments.json:
        print(json.dumps(figures))


async def measure(folder: Path) -> dict[str, float]:
    corpus, queries, relevant = read(folder)
    embedder = MiniLmEmbedder()
    with tempfile.TemporaryDirectory() as place:
        database = await Database.open(Path(place) / "b.db")
        store = SqlKnowledgeStore(database)
        index = await ChromaIndex.open(Path(place) / "index", embedder.model_id)
        chunker = Chunker(TiktokenCounter(), WordPieceCounter())
        ingestor = Ingestor(
            store=store, index=index, embedder=embedder, chunker=chunker, open_folder=FolderSource
        )
        report = await ingestor.ingest("b", Corpus(corpus))
        search = KnowledgeSearch(
            store=store,
            index=index,
            embedder=embedder,
            clock=SystemClock(),
            calibration=Calibration.load(),
        )
        rankings: dict[str, list[list[str]]] = {"bm25": [], "dense": [], "rrf": [], "ours": []}
        seconds = []
        for query in queries:
            history = tuple(turn["text"] for turn in query.get("history") or ())
            begun = time.perf_counter()
            found = await search.search(
                SearchQuery(tenant_id="b", text=query["text"], history=history, limit=FETCHED)
            )
            seconds.append(time.perf_counter() - begun)
            rankings["ours"].append([passage.document.external_id for passage in found.passages])
            keyword = [name for name, _ in await store.match("b", query["text"], 200)]
            near = await index.nearest("b", await embedder.embed_query(query["text"]), 200)
            dense = [name for name, _ in near]
            names = await store.fetch("b", list({*keyword, *dense}))
            for key, order in (("bm25", keyword), ("dense", dense), ("rrf", fused(keyword, dense))):
                rankings[key].append([names[name][1].external_id for name in order])
        await index.close()
        await database.close()
    embedder.close()
    result = {"passages": float(report.passages)}
    for key, rows in rankings.items():
        result[f"{key} nDCG@10"], result[f"{key} recall@10"] = quality(rows, queries, relevant)
    result["p50 ms"], result["p95 ms"] = (float(np.percentile(seconds, q)) * 1000 for q in (50, 95))
    return result


def read(folder: Path) -> tuple[list[dict], list[dict], dict[str, dict[str, int]]]:
    """Corpus rows, queries that have an answer, and their answers by the names `Corpus` gives."""
    corpus, queries = (
        [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("corpus.jsonl", "queries.jsonl")
    )
    names = {row["_id"]: f"d{number}" for number, row in enumerate(corpus)}
    relevant: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant.setdefault(query, {})[names[document]] = int(grade)
    return corpus, [query for query in queries if query["_id"] in relevant], relevant


def fused(*orders: Sequence[str]) -> list[str]:
    """Reciprocal rank fusion."""
    scores: dict[str, float] = {}
    for order in orders:
        for rank, name in enumerate(order, start=1):
            scores[name] = scores.get(name, 0.0) + 1 / (RRF_CONSTANT + rank)
    return sorted(scores, key=lambda name: -scores[name])


def quality(
    rows: Sequence[Sequence[str]], queries: Sequence[Mapping], relevant: Mapping[str, Mapping[str, int]]
) -> tuple[float, float]:
    """Mean nDCG and recall at 10; of several passages of a document the first counts."""
    gains, recalls = [], []
    for row, query in zip(rows, queries, strict=True):
        grades = relevant[query["_id"]]
        top = list(dict.fromkeys(row))[:DEPTH]
        gain = sum(grades.get(name, 0) / math.log2(rank + 2) for rank, name in enumerate(top))
        best = sorted(grades.values(), reverse=True)[:DEPTH]
        gains.append(gain / sum(grade / math.log2(rank + 2) for rank, grade in enumerate(best)))
        recalls.append(len(set(top) & grades.keys()) / min(DEPTH, len(grades)))
    return float(np.mean(gains)), float(np.mean(recalls))


if __name__ == "__main__":
    main()
