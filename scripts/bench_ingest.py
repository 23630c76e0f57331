"""Measures how fast documents become searchable, beside the bare model and a plain pipeline; see `--help`.

    scripts/bench ingest [--passages N] [--data FOLDER] [--memory N] [--engine ray] [--json]

In one run, over the same documents as Markdown files: the embedding forward pass alone (tokens prepared, best
batching), our ingest, a plain pipeline (1,000 characters with 200 overlap, sentence-transformers, Chroma),
ingest again with nothing changed, and with 1 % of the documents changed. `--memory N` instead ingests N short
passages in a process of its own and reports its peak memory. `--engine ray` instead ingests in this process
and on a Ray cluster of two nodes of one core each on this machine, where it cannot be faster: it shows what
the cluster costs. About two minutes on two quiet cores.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice, zip_longest
from pathlib import Path

from _targets import Target, show

from copilot.adapters import minilm
from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.embedding_models import BUILTIN, open_on_one_core
from copilot.adapters.loaders import loader_for
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.minilm import MiniLmEmbedder, MiniLmEncoder, batches_of_like_lengths
from copilot.adapters.model_files import find_packaged_file
from copilot.adapters.ray_embedder import PASSAGES_AT_ONCE, RayEmbedder
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.adapters.word_pieces import WordPieceCounter, word_pieces
from copilot.ports import Embedder, Vector
from copilot.retrieval.chunking import Chunker, embedded_text
from copilot.retrieval.ingest import Ingestor, IngestReport, identified
from copilot.retrieval.pipeline import BATCH_PASSAGES

ROOT = Path(__file__).resolve().parent.parent
SETS = ("mtrag_un", "tau_banking")
BUDGETS = (256, 512, 1024, 2048)
"""Tokens in a batch of the bare pass; the fastest on a sample is used."""
SAMPLE = 64
PLAIN_CHARACTERS, PLAIN_OVERLAP, PLAIN_BATCH = 1000, 200, 32
SETTLE_SECONDS = 2.1
"""After writing files: a file younger than this is read again to be sure."""
CHANGED_SHARE = 0.01
STEPS_BACK = 10
"""The priority of the embedder's threads for passages."""
SECTIONS, WORDS = 50, 12
TARGETS = (
    Target("share of the bare pass", 0.9),
    Target("times the plain pipeline", 1.3),
    Target("unchanged: share of first", 0.02, at_most=True),
    Target("changed: share of first", 0.03, at_most=True),
    Target("peak MB", 1500, at_most=True),
    Target("the same report", 1),
    Target("smallest cosine", 0.9999),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure ingest beside the bare model and a plain pipeline.")
    parser.add_argument("--passages", type=int, default=1000, help="about how many to ingest (1000)")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared/data", help="folder of BEIR folders"
    )
    parser.add_argument("--memory", type=int, metavar="N", help="only the peak memory of N short passages")
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="ray: only beside this process"
    )
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    if arguments.inside is not None:
        print(json.dumps(asyncio.run(ingest_measured(arguments.inside))))
        return
    with tempfile.TemporaryDirectory() as place:
        if arguments.memory:
            figures = memory(Path(place), arguments.memory)
        elif arguments.engine == "ray":
            figures = asyncio.run(on_a_cluster(Path(place), arguments.data, arguments.passages))
        else:
            figures = asyncio.run(measure(Path(place), arguments.data, arguments.passages))
    show(figures, TARGETS, as_json=arguments.json)


async def measure(place: Path, data: Path, passages: int) -> dict[str, float]:
    folder = place / "kb"
    texts = write_documents(folder, data, passages)
    await asyncio.sleep(SETTLE_SECONDS)
    # Ingest steps back before others; so does all that it is compared with, or a busy machine would decide.
    os.nice(max(0, STEPS_BACK - os.nice(0)))
    bare = Bare(texts)
    bare_cores = time.process_time()
    before = bare.seconds()
    bare_cores = time.process_time() - bare_cores
    # The words of these texts were looked up above; ingest is to meet them as new.
    word_pieces.cache_clear()
    embedder = MiniLmEmbedder()
    await embedder.load()
    knowledge = await Knowledge.open(place / "ours", embedder)
    gc.freeze()  # as `copilot ingest` does
    cores = time.process_time()
    first, report = await knowledge.ingest(folder)
    cores = time.process_time() - cores
    after = bare.seconds()
    figures: dict[str, float] = {
        "documents": len(report.added),
        "refused": len(report.refused),
        "passages": report.passages,
        "tokens": bare.tokens,
        "bare tokens/s": bare.tokens / min(before, after),
        "bare batch, tokens": bare.budget,
        "ingest seconds": first,
        "ingest tokens/s": bare.tokens / first,
        "share of the bare pass": min(before, after) / first,
        "share of the bare pass, core time": bare_cores / cores,
    }
    figures |= await again(knowledge, folder, first)
    await knowledge.close()
    embedder.close()
    plain, plain_cores = plain_pipeline(folder, place / "plain")
    return figures | {
        "plain seconds": plain,
        "times the plain pipeline": plain / first,
        "times the plain pipeline, core time": plain_cores / cores,
    }


async def again(knowledge: "Knowledge", folder: Path, first: float) -> dict[str, float]:
    """With nothing changed, then with some documents changed."""
    unchanged, report = await knowledge.ingest(folder)
    figures: dict[str, float] = {
        "unchanged: share of first": unchanged / first,
        "unchanged: passages embedded": report.embedded,
    }
    files = sorted(folder.iterdir())  # noqa: ASYNC240 - nothing else runs
    dice = random.Random(7)  # noqa: S311 - the same every time
    touched = dice.sample(files, max(1, round(len(files) * CHANGED_SHARE)))
    for path in touched:
        title, rest = path.read_text(encoding="utf-8").split("\n\n", 1)
        path.write_text(f"{title}\n\nAsk a supervisor first.\n\n{rest}", encoding="utf-8")
    seconds, report = await knowledge.ingest(folder)
    return figures | {
        "changed: documents": len(report.changed),
        "changed: passages embedded": report.embedded,
        "changed: share of first": seconds / first,
    }


async def on_a_cluster(place: Path, data: Path, passages: int) -> dict[str, float]:
    """First in this process, then twice by a cluster: the second time its workers have the model."""
    sys.path.append(str(ROOT))
    from tests.servers.ray_cluster import running_ray  # noqa: PLC0415 - an extra

    folder = place / "kb"
    write_documents(folder, data, passages)
    word_pieces.cache_clear()
    embedder = MiniLmEmbedder()
    await embedder.load()
    here = await Knowledge.open(place / "here", embedder)
    local, report = await here.ingest(folder)
    expected = await here.vectors()
    await here.close()
    figures: dict[str, float] = {"passages": report.passages, "in process: seconds": local}
    begun = time.perf_counter()
    with running_ray() as cluster:
        spread = await RayEmbedder.open(embedder, open_on_one_core, BUILTIN, cluster.address)
        figures["cluster: seconds to start"] = time.perf_counter() - begun
        for name in ("first", "second"):
            there = await Knowledge.open(place / name, spread, PASSAGES_AT_ONCE)
            figures[f"{name} on the cluster: seconds"], found = await there.ingest(folder)
            figures[f"{name}: share of the speed in process"] = (
                local / figures[f"{name} on the cluster: seconds"]
            )
            vectors = await there.vectors()
            await there.close()
        await spread.close()
    embedder.close()
    figures["the same report"] = found == report
    figures["smallest cosine"] = (
        min(float(vectors[name] @ vector) for name, vector in expected.items())
        if vectors.keys() == expected.keys()
        else 0.0
    )
    return figures


class Knowledge:
    """Store, index and ingestor in one folder, as the product wires them."""

    def __init__(self, database: Database, index: ChromaIndex, embedder: Embedder, at_once: int) -> None:
        self._database = database
        self._index = index
        self._store = SqlKnowledgeStore(database)
        self._model_id = embedder.model_id
        self._ingestor = Ingestor(
            store=self._store,
            index=index,
            embedder=embedder,
            chunker=Chunker(TiktokenCounter(), WordPieceCounter()),
            open_folder=FolderSource,
            batch_passages=at_once,
        )

    @classmethod
    async def open(cls, folder: Path, embedder: Embedder, at_once: int = BATCH_PASSAGES) -> "Knowledge":
        database = await Database.open(folder / "b.db")
        return cls(database, await ChromaIndex.open(folder / "index", embedder.model_id), embedder, at_once)

    async def ingest(self, folder: Path) -> tuple[float, IngestReport]:
        begun = time.perf_counter()
        report = await self._ingestor.ingest_folder("b", folder)
        return time.perf_counter() - begun, report

    async def vectors(self) -> dict[str, Vector]:
        found: dict[str, Vector] = {}
        async for names, rows in self._store.all_vectors("b", self._model_id):
            found |= dict(zip(names, rows, strict=True))
        return found

    async def close(self) -> None:
        await self._index.close()
        await self._database.close()


class Bare:
    """The forward pass alone, over the same tokens: the most that any ingest with this model could reach."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._encoder = MiniLmEncoder()
        self._rows = self._encoder.tokenize(texts)
        self.tokens = sum(len(row) for row in self._rows)
        sample = self._rows[:: max(1, len(self._rows) // SAMPLE)]
        self.budget = min(BUDGETS, key=lambda budget: self._pass(sample, budget))

    def seconds(self) -> float:
        return self._pass(self._rows, self.budget)

    def _pass(self, rows: Sequence[Sequence[int]], budget: int) -> float:
        batches = [
            [rows[row] for row in batch]
            for batch in batches_of_like_lengths([len(row) for row in rows], budget)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            begun = time.perf_counter()
            for _ in pool.map(self._encoder.embed, batches):
                pass
            return time.perf_counter() - begun


def plain_pipeline(folder: Path, place: Path) -> tuple[float, float]:
    """Seconds, and of cores, of what a tutorial does; importing and loading the model are not counted."""
    import chromadb  # noqa: PLC0415 - only here
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    torch.set_num_threads(os.cpu_count() or 1)
    weights = find_packaged_file(minilm.PACKAGES, "model.safetensors")
    model = SentenceTransformer(str(weights.parent), device="cpu")
    model.encode(["warm"])
    collection = chromadb.PersistentClient(str(place)).create_collection("plain", embedding_function=None)
    begun, cores = time.perf_counter(), time.process_time()
    chunks = [
        text[start : start + PLAIN_CHARACTERS]
        for path in sorted(folder.iterdir())
        for text in [path.read_text(encoding="utf-8")]
        for start in range(0, max(1, len(text) - PLAIN_OVERLAP), PLAIN_CHARACTERS - PLAIN_OVERLAP)
    ]
    vectors = model.encode(chunks, batch_size=PLAIN_BATCH, normalize_embeddings=True, show_progress_bar=False)
    for start in range(0, len(chunks), 1000):
        part = slice(start, start + 1000)
        names = [str(number) for number in range(len(chunks))[part]]
        collection.add(ids=names, embeddings=vectors[part], documents=chunks[part])
    return time.perf_counter() - begun, time.process_time() - cores


def write_documents(folder: Path, data: Path, passages: int) -> list[str]:
    """Markdown files of about so many passages; returns each text that ingest will embed, once."""
    folder.mkdir()
    loader = loader_for(".md")
    if loader is None:
        raise LookupError(".md")
    chunker = Chunker(TiktokenCounter(), WordPieceCounter())
    texts: dict[str, str] = {}
    for number, content in enumerate(documents(data)):
        if len(texts) >= passages:
            break
        name = f"d{number:05}"
        (folder / f"{name}.md").write_text(content, encoding="utf-8")
        for parsed in loader.load(content.encode(), external_id=name, source=f"{folder.name}/{name}.md"):
            cut = chunker.passages(identified("b", parsed))
            texts |= {passage.content_hash: embedded_text(passage) for passage in cut}
    return list(texts.values())


def documents(data: Path) -> Iterator[str]:
    """Of the public sets in turn, or what the demo company wrote, sentence by sentence in new orders."""
    corpora = [data / name / "corpus.jsonl" for name in SETS]
    rows = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in corpora
        if path.is_file()
    ]
    for together in zip_longest(*rows):
        for row in together:
            if row is not None:
                yield f"# {row['title'] or 'Untitled'}\n\n{row['text']}\n"
    if not rows:
        yield from invented_documents()


def invented_documents() -> Iterator[str]:
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "knowledge").rglob("*.md"))]
    sentences = [part.strip() for text in texts for part in re.split(r"(?<=[.!?])\s", text) if part.strip()]
    dice = random.Random(7)  # noqa: S311 - the same every time
    for number in count():
        paragraphs = [" ".join(dice.choices(sentences, k=6)) for _ in range(4)]
        yield f"# Article {number}\n\n" + "\n\n".join(paragraphs) + "\n"


def memory(place: Path, passages: int) -> dict[str, float]:
    """Peak resident memory of a process that ingests so many short passages."""
    folder = place / "kb"
    folder.mkdir()
    dice = random.Random(7)  # noqa: S311 - the same every time
    words = sorted(
        {word for text in islice(documents(Path()), 50) for word in re.findall(r"[a-z]{3,}", text)}
    )
    for number in range(max(1, passages // SECTIONS)):
        sections = [
            f"## {dice.choice(words)} {number}.{section}\n\n{' '.join(dice.choices(words, k=WORDS))}.\n"
            for section in range(SECTIONS)
        ]
        (folder / f"d{number:05}.md").write_text(f"# Part {number}\n\n" + "\n".join(sections), "utf-8")
    command = [sys.executable, __file__, "--inside", str(folder)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


async def ingest_measured(folder: Path) -> dict[str, float]:
    embedder = MiniLmEmbedder()
    knowledge = await Knowledge.open(folder.parent / "ours", embedder)
    seconds, report = await knowledge.ingest(folder)
    await knowledge.close()
    embedder.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"passages": report.passages, "seconds": seconds, "peak MB": peak / 1024}


if __name__ == "__main__":
    main()
