"""Measures search in large collections and how fast queries embed; see `--help`.

    scripts/bench search [--passages N …] [--clients N] [--searches N] [--data FOLDER] [--json]

Collections are invented: words as common as in the public sets, vectors near those of real passages. Store,
full text, index and search are the product's. In the same run: a plain pipeline (sentence-transformers and
Chroma, asked by as many clients), one query's embedding alone, and beside a busy neighbour on the other core.
"""

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, islice
from pathlib import Path

import numpy as np
from bench_ingest import ROOT, SETS, documents

from copilot.adapters import minilm
from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.clock import SystemClock
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.model_files import find_packaged_file
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.cli.serve import keep_what_stands
from copilot.domain.knowledge import BlockKind, KnowledgeDocument, Passage, SearchQuery
from copilot.ports import Vectors
from copilot.retrieval.calibration import Calibration
from copilot.retrieval.search import KnowledgeSearch

TENANT = "bench"
WORDS = 80
PASSAGES_PER_DOCUMENT = 20
DOCUMENTS_AT_ONCE = 50
SEEDS, SEED_CHARACTERS = 400, 200
QUESTION = 100
"""Characters of a question, some 10 to 20 words; what a customer writes is rarely longer."""
NOISE = 0.6
"""Length of the random part of an invented vector; the real part has 1."""
DICE = random.Random(7)  # noqa: S311 - the same every time


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure search in large collections.")
    parser.add_argument(
        "--passages", type=int, nargs="+", default=[10_000, 100_000], help="sizes to measure at"
    )
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--searches", type=int, default=1000)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared/data", help="folder of BEIR folders"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments))
    for key, value in figures.items():
        print(f"{key:44} {value:12,.4g}", flush=True)
    if arguments.json:
        print(json.dumps(figures))


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    world = World(arguments.data)
    embedder = MiniLmEmbedder()
    # As questions, because passages step back before whatever else the machine does.
    seeds = np.stack(await asyncio.gather(*(embedder.embed_query(text) for text in world.seeds)))
    figures: dict[str, float] = {}
    for size in sorted(arguments.passages):
        with tempfile.TemporaryDirectory() as place:
            found = await measure_size(Path(place), world, embedder, seeds, size, arguments)
        figures |= {f"{size}: {key}": value for key, value in found.items()}
        print(f"{size} passages: {json.dumps(found)}", file=sys.stderr, flush=True)
    figures |= await measure_embedding(world, embedder)
    embedder.close()
    return figures


async def measure_size(
    place: Path,
    world: "World",
    embedder: MiniLmEmbedder,
    seeds: Vectors,
    size: int,
    arguments: argparse.Namespace,
) -> dict[str, float]:
    database = await Database.open(place / "b.db")
    store = SqlKnowledgeStore(database)
    index = await ChromaIndex.open(place / "index", embedder.model_id)
    begun = time.perf_counter()
    await fill(store, index, world, seeds, size, embedder.model_id)
    figures = {"fill seconds": time.perf_counter() - begun}
    keep_what_stands()  # as a server does before it answers
    clock, calibration = SystemClock(), Calibration.load()
    search = KnowledgeSearch(
        store=store, index=index, embedder=embedder, clock=clock, calibration=calibration
    )

    async def ask(text: str) -> None:
        await search.search(SearchQuery(tenant_id=TENANT, text=text))

    async def match(text: str) -> None:
        await store.match(TENANT, text, 64)

    vector = await embedder.embed_query("warm")

    async def nearest(_: str) -> None:
        await index.nearest(TENANT, vector, 64)

    for text in world.queries(2 * arguments.clients):
        await ask(text)
    cores = time.process_time()
    figures |= named("search", *await many(ask, world.queries(arguments.searches), arguments.clients))
    figures["search: core ms"] = (time.process_time() - cores) / arguments.searches * 1000
    figures |= named("search, one client", *await many(ask, world.queries(arguments.searches // 5), 1))
    figures |= named("keywords alone", *await many(match, world.queries(arguments.searches // 5), 1))
    figures |= named("nearest alone", *await many(nearest, world.queries(arguments.searches // 5), 1))
    figures |= await plain(world, embedder, index, arguments, figures["search: per second"])
    await store.close()
    await index.close()
    await database.close()
    return figures


async def many(
    ask: Callable[[str], Awaitable[None]], texts: Sequence[str], clients: int
) -> tuple[list[float], float, float]:
    """Seconds of each, of all, and the longest that the event loop was held up."""
    waiting = iter(texts)
    seconds: list[float] = []
    held = 0.0

    async def client() -> None:
        for text in waiting:
            begun = time.perf_counter()
            await ask(text)
            seconds.append(time.perf_counter() - begun)

    async def watch() -> None:
        nonlocal held
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.005)
            held = max(held, time.perf_counter() - begun - 0.005)

    watching = asyncio.create_task(watch())
    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    total = time.perf_counter() - begun
    watching.cancel()
    return seconds, total, held


def named(name: str, seconds: Sequence[float], total: float, held: float) -> dict[str, float]:
    p50, p95 = (float(np.percentile(seconds, share)) * 1000 for share in (50, 95))
    return {
        f"{name}: p50 ms": p50,
        f"{name}: p95 ms": p95,
        f"{name}: per second": len(seconds) / total,
        f"{name}: loop held at most ms": held * 1000,
    }


class World:
    """Words as common as in the corpora, passages to seed vectors with, and questions nobody asked twice."""

    def __init__(self, data: Path) -> None:
        texts = list(islice(documents(data), 2000))
        counts = Counter(word for text in texts for word in re.findall(r"\w+", text.lower()))
        self._words = list(counts)
        self._weights = list(accumulate(counts.values()))
        self.seeds = [text[:SEED_CHARACTERS] for text in DICE.sample(texts, min(SEEDS, len(texts)))]
        self._asked = [
            json.loads(line)["text"][:QUESTION]
            for name in SETS
            if (path := data / name / "queries.jsonl").is_file()
            for line in path.read_text(encoding="utf-8").splitlines()
        ] or [text[:80] for text in texts]

    def words(self, count: int) -> str:
        return " ".join(DICE.choices(self._words, cum_weights=self._weights, k=count))

    def queries(self, count: int) -> list[str]:
        """Each with two words of its own, so that nothing remembered answers it."""
        return [f"{DICE.choice(self._asked)} {self.words(2)}" for _ in range(count)]


async def fill(
    store: SqlKnowledgeStore, index: ChromaIndex, world: World, seeds: Vectors, size: int, model_id: str
) -> None:
    noise = np.random.default_rng(7)
    for start in range(0, size, PASSAGES_PER_DOCUMENT * DOCUMENTS_AT_ONCE):
        entries = []
        for first in range(
            start, min(size, start + PASSAGES_PER_DOCUMENT * DOCUMENTS_AT_ONCE), PASSAGES_PER_DOCUMENT
        ):
            document, cut = invented(world, first, min(PASSAGES_PER_DOCUMENT, size - first))
            near = seeds[noise.integers(len(seeds), size=len(cut))]
            far = noise.normal(size=near.shape).astype(np.float32)
            vectors = near + NOISE * far / np.linalg.norm(far, axis=1, keepdims=True)
            entries.append((document, cut, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)))
        await store.put_documents(entries, model_id)
        names = [passage.id for _, cut, _ in entries for passage in cut]
        await index.upsert(TENANT, names, np.concatenate([vectors for _, _, vectors in entries]))


def invented(world: World, first: int, count: int) -> tuple[KnowledgeDocument, list[Passage]]:
    name = f"d{first}"
    texts = [f"{world.words(WORDS)} n{first + number}" for number in range(count)]
    document = KnowledgeDocument(
        id=f"doc_{name}", tenant_id=TENANT, external_id=name, title=world.words(4), text="\n\n".join(texts),
        blocks=(), content_hash=name, source=f"bench/{name}.md",
    )  # fmt: skip
    cut, start = [], 0
    for number, text in enumerate(texts):
        cut.append(
            Passage(
                id=f"psg_{first + number}", document_id=document.id, position=number, text=text,
                context=document.title, kind=BlockKind.PARAGRAPH, heading_path=(document.title,), clause=None,
                page=None, start=start, end=start + len(text), token_count=WORDS,
                content_hash=hashlib.sha256(text.encode()).hexdigest(),
            )
        )  # fmt: skip
        start += len(text) + 2
    return document, cut


async def plain(
    world: World, embedder: MiniLmEmbedder, index: ChromaIndex, arguments: argparse.Namespace, ours: float
) -> dict[str, float]:
    """Clients that each encode their question and ask Chroma, as tutorials do, on threads."""
    import torch  # noqa: PLC0415 - only here
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    torch.set_num_threads(os.cpu_count() or 1)
    weights = find_packaged_file(minilm.PACKAGES, "model.safetensors")
    model = SentenceTransformer(str(weights.parent), device="cpu")
    collection = index.collections.of(TENANT)

    def ask(text: str) -> None:
        vector = model.encode([text], normalize_embeddings=True, show_progress_bar=False)
        collection.query(query_embeddings=vector, n_results=10, include=["distances"])

    async def dense(text: str) -> None:
        await index.nearest(TENANT, await embedder.embed_query(text), 10)

    ask("warm")
    texts = world.queries(arguments.searches // 2)
    with ThreadPoolExecutor(arguments.clients) as pool:
        begun, cores = time.perf_counter(), time.process_time()
        list(pool.map(ask, texts))
        plainly = len(texts) / (time.perf_counter() - begun)
        cores = time.process_time() - cores
    _, seconds, _ = await many(dense, world.queries(arguments.searches // 2), arguments.clients)
    densely = arguments.searches // 2 / seconds
    return {
        "plain: per second": plainly,
        "plain: core ms": cores / len(texts) * 1000,
        "dense alone: per second": densely,
        "search: times plain": ours / plainly,
        "dense alone: times plain": densely / plainly,
    }


async def measure_embedding(world: World, embedder: MiniLmEmbedder) -> dict[str, float]:
    async def embed(text: str) -> None:
        await embedder.embed_query(text)

    alone, _, _ = await many(embed, world.queries(200), 1)
    cores = sorted(os.sched_getaffinity(0))
    burner = multiprocessing.get_context("spawn").Process(target=burn, args=(cores[-1],), daemon=True)
    burner.start()
    await asyncio.sleep(1)
    beside, _, _ = await many(embed, world.queries(200), 1)
    burner.kill()
    p50, busy = (float(np.median(seconds)) * 1000 for seconds in (alone, beside))
    return {
        "embed a query: p50 ms": p50,
        "embed a query: p95 ms": float(np.percentile(alone, 95)) * 1000,
        "embed beside a busy core: p50 ms": busy,
        "embed beside a busy core: times alone": busy / p50,
    }


def burn(core: int) -> None:
    os.sched_setaffinity(0, {core})
    matrix = np.ones((512, 512), dtype=np.float32)
    while True:
        matrix @ matrix


if __name__ == "__main__":
    main()
