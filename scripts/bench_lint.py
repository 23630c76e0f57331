"""Measures the checks of `copilot knowledge lint` on a large collection; see `--help`.

    scripts/bench lint [--passages N …] [--data FOLDER] [--json]

The collection is the one of `scripts/bench search`, where every passage has as many neighbours about the same
thing as are asked for: the most that comparing can cost. Figures: seconds, what the process grew by at most,
and the longest that the event loop was held up, which is what a conversation beside it would notice.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_ingest import ROOT
from bench_search import TENANT, World, fill

from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.clock import SystemClock
from copilot.adapters.fakes.citation_log import MemoryCitationLog
from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.retrieval.lint.lint import KnowledgeLint


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure lint on large collections.")
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000], help="sizes")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared/data", help="folder of BEIR folders"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    for size in sorted(arguments.passages):
        with tempfile.TemporaryDirectory() as place:
            found = asyncio.run(measure(Path(place), World(arguments.data), size))
        figures |= {f"{size}: {key}": value for key, value in found.items()}
    for key, value in figures.items():
        print(f"{key:44} {value:12,.4g}")
    if arguments.json:
        print(json.dumps(figures))


async def measure(place: Path, world: World, size: int) -> dict[str, float]:
    database, embedder = await Database.open(place / "b.db"), MiniLmEmbedder()
    seeds = np.stack(await asyncio.gather(*(embedder.embed_query(text) for text in world.seeds)))
    store, index = SqlKnowledgeStore(database), await ChromaIndex.open(place / "index", embedder.model_id)
    await fill(store, index, world, seeds, size, embedder.model_id)
    lint = KnowledgeLint(
        store=store,
        index=index,
        embedder=embedder,
        pieces=WordPieceCounter(),
        citations=MemoryCitationLog(MemoryConversationStore()),
        clock=SystemClock(),
    )
    before, begun = peak_megabytes(), time.perf_counter()
    watching = asyncio.create_task(longest_hold())
    report = await lint.run(TENANT)
    seconds = time.perf_counter() - begun
    watching.cancel()
    held = await watching
    embedder.close()
    await store.close()
    await index.close()
    await database.close()
    return {
        "seconds": seconds,
        "findings": len(report.findings),
        "grew by at most MB": peak_megabytes() - before,
        "peak MB": peak_megabytes(),
        "loop held at most ms": held * 1000,
    }


async def longest_hold() -> float:
    """Seconds, when it is cancelled."""
    held = 0.0
    try:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.005)
            held = max(held, time.perf_counter() - begun - 0.005)
    except asyncio.CancelledError:
        return held


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
