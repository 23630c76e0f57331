"""One lane of kills during ingest: a warm process forks a worker, kills it, and looks at what is left.

    python -m tests.faults.ingest_lane --kills 40 --embedder hashing --folder DIR --seed 1

prints one JSON line with what was found. The folder changes before each run, so that there is always work.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chromadb  # noqa: F401 - loaded once, before the forks
from tests.faults.failpoints import Breakable, Failpoints, break_statements
from tests.faults.lane import forked

from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.clock import SystemClock
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.loaders import loader_for
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

TENANT = "acme"
_STUCK_SECONDS = 60
_SECTIONS = 3
_BETWEEN = ("SQL COMMIT", "after store.put_document", "before index.", "after index.delete")
_MOST_TRIES = 5
"""For each kill wanted: a run may end before its kill comes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--embedder", choices=("hashing", "builtin"), required=True)
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--careless", action="store_true", help="skip mending, to show that it is noticed")
    options = parser.parse_args()
    lane = IngestLane(options)
    sys.stdout.write(json.dumps(lane.run(options.kills)) + "\n")


class IngestLane:
    """`problems` in what `run` gives is empty when every promise held."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._dice = random.Random(options.seed)  # noqa: S311
        self._library = Articles(options.folder / "kb", self._dice, options.documents)
        self._points: Counter[str] = Counter()
        self._problems: list[str] = []
        self._seconds = 1.0
        loader_for(".md")
        WordPieceCounter().count("warm")
        TiktokenCounter().count("warm")

    def run(self, kills: int) -> dict[str, Any]:
        started, tries = time.monotonic(), 0
        while sum(self._points.values()) < kills and not self._problems and tries < _MOST_TRIES * kills:
            tries += 1
            self._library.change()
            if self._dice.random() < 0.6 or self._options.careless:
                self._kill_at_failpoint()
            else:
                self._kill_at_moment()
            self._look()
        self._finish()
        return {
            "kills": sum(self._points.values()),
            "points": len(self._points),
            "problems": self._problems,
            "seconds": round(time.monotonic() - started, 1),
        }

    def _kill_at_failpoint(self) -> None:
        """Half of them where SQL and the index may come to differ, else anywhere."""
        narrow = self._dice.random() < 0.5 or self._options.careless
        fatal = self._dice.randrange(1, 8 if narrow else 250)

        def child(report: int) -> None:
            signal.alarm(_STUCK_SECONDS)
            points = BetweenStores(fatal, report) if narrow else Failpoints(fatal, report)
            asyncio.run(ingest(self._options, points))

        self._judge(*forked(child))

    def _kill_at_moment(self) -> None:
        """From outside, at any instruction: also within SQLite, Chroma and the model."""
        moment = self._dice.uniform(0.05, 1.2) * self._seconds

        def child(_report: int) -> None:
            signal.alarm(_STUCK_SECONDS)
            asyncio.run(ingest(self._options, Failpoints(None, -1)))

        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            try:
                child(-1)
            finally:
                os._exit(0)
        while time.monotonic() - started < moment and os.waitpid(pid, os.WNOHANG) == (0, 0):
            time.sleep(0.005)
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):  # it had ended
            self._seconds = max(0.2, time.monotonic() - started)
            return
        self._points["at a moment"] += 1

    def _judge(self, status: int, told: str) -> None:
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self._points[told] += 1
        elif status != 0:
            self._problems.append(f"a run failed (status {status}): {told}")

    def _look(self) -> None:
        """A restart, as the next command does it."""
        allowed = self._library.every_text()

        def child(report: int) -> None:
            signal.alarm(_STUCK_SECONDS)
            found = asyncio.run(look(self._options, allowed))
            os.write(report, json.dumps(found).encode())

        status, told = forked(child)
        self._problems += json.loads(told) if status == 0 else [f"looking failed (status {status}): {told}"]

    def _finish(self) -> None:
        """A run that nobody disturbs makes all as it is in the folder; another has nothing to do."""
        wanted = self._library.present()

        def child(report: int) -> None:
            signal.alarm(2 * _STUCK_SECONDS)
            found = asyncio.run(finish(self._options, wanted))
            os.write(report, json.dumps(found).encode())

        status, told = forked(child)
        self._problems += json.loads(told) if status == 0 else [f"the end failed (status {status}): {told}"]


class BetweenStores(Failpoints):
    """Counts only the points after SQL has committed and before the index has followed."""

    def reach(self, point: str) -> None:
        if self.phase == "ingest" and any(name in point for name in _BETWEEN):
            super().reach(point)


class Articles:
    """A folder of small articles; each text that a document ever had is remembered."""

    def __init__(self, folder: Path, dice: random.Random, count: int) -> None:
        self._folder = folder
        self._dice = dice
        self._present: dict[str, str] = {}
        self._ever: dict[str, set[str]] = {}
        self._next = 0
        folder.mkdir(parents=True)
        for _ in range(count):
            self._write(self._new())

    def change(self) -> None:
        for name in self._dice.sample(sorted(self._present), k=max(2, len(self._present) // 5)):
            self._write(name)
        for name in self._dice.sample(sorted(self._present), k=2):
            del self._present[name]
            (self._folder / f"{name}.md").unlink()
        for _ in range(2):
            self._write(self._new())

    def every_text(self) -> dict[str, list[str]]:
        return {name: sorted(texts) for name, texts in self._ever.items()}

    def present(self) -> dict[str, str]:
        return dict(self._present)

    def _new(self) -> str:
        self._next += 1
        return f"article-{self._next}"

    def _write(self, name: str) -> None:
        """Some sections change, others stay, so that vectors are shared between versions."""
        sections = []
        for number in range(_SECTIONS):
            word = (
                f"w{self._dice.randrange(10**9)}" if self._dice.random() < 0.5 else f"kept{name[8:]}x{number}"
            )
            sections.append(f"## Section {number}\n\nThe {word} lasts {self._dice.randrange(9)} days.\n")
        text = f"# {name}\n\n" + "\n".join(sections)
        (self._folder / f"{name}.md").write_text(text)
        plain = "\n\n".join(line.lstrip("# ") for line in text.split("\n") if line)
        self._present[name] = plain
        self._ever.setdefault(name, set()).add(plain)


@dataclass(frozen=True)
class Bench:
    store: Any
    index: Any
    embedder: Any
    ingestor: Ingestor
    chunker: Chunker


@asynccontextmanager
async def bench(options: argparse.Namespace, failpoints: Failpoints) -> AsyncIterator[Bench]:
    """The product's own parts, every port and SQL statement a failpoint."""
    embedder: Any = HashingEmbedder(64) if options.embedder == "hashing" else MiniLmEmbedder()
    database = await Database.open(options.folder / "copilot.db")
    index = await ChromaIndex.open(options.folder / "index", embedder.model_id)
    break_statements(database, failpoints)
    store: Any = Breakable(SqlKnowledgeStore(database), "store", failpoints)
    broken_index: Any = Breakable(index, "index", failpoints)
    chunker = Chunker(TiktokenCounter(), WordPieceCounter())
    ingestor = Ingestor(
        store=store, index=broken_index, embedder=embedder, chunker=chunker, open_folder=FolderSource
    )
    if not getattr(options, "careless", False):
        await ingestor.heal(TENANT)
    yield Bench(store, index, embedder, ingestor, chunker)
    await index.close()
    await database.close()
    embedder.close()


async def ingest(options: argparse.Namespace, failpoints: Failpoints) -> None:
    async with bench(options, failpoints) as b:
        failpoints.phase = "ingest"
        await b.ingestor.ingest_folder(TENANT, options.folder / "kb")


async def look(options: argparse.Namespace, allowed: dict[str, list[str]]) -> list[str]:
    """Every broken promise in words."""
    async with bench(options, Failpoints(None, -1)) as b:
        return await _problems(b, allowed)


async def finish(options: argparse.Namespace, wanted: dict[str, str]) -> list[str]:
    async with bench(options, Failpoints(None, -1)) as b:
        await b.ingestor.ingest_folder(TENANT, options.folder / "kb")
        problems = await _problems(b, {name: [text] for name, text in wanted.items()})
        stored = {name for name, _ in await b.store.content_hashes(TENANT)}
        problems += [f"{name} is not in the knowledge" for name in sorted(wanted.keys() - stored)]
        again = await b.ingestor.ingest_folder(TENANT, options.folder / "kb")
        if again.added or again.changed or again.removed or again.embedded:
            problems.append(f"the last run had something left to do: {again}")
        return problems


async def _problems(b: Bench, allowed: dict[str, list[str]]) -> list[str]:
    found: list[str] = []
    stored, indexed = await b.store.passage_ids(TENANT), await b.index.ids(TENANT)
    if stored != indexed:
        found.append(
            f"{len(stored - indexed)} passages are not in the index, {len(indexed - stored)} too many"
        )
    documents = await b.store.list_documents(TENANT, limit=10_000)
    whole: set[str] = set()
    for document in documents:
        if document.text not in allowed.get(document.external_id, ()):
            found.append(f"{document.external_id} has a text that its file never had")
        kept = await b.store.passages_of(document.id)
        whole |= {passage.id for passage in kept}
        if kept != b.chunker.passages(document):
            found.append(f"{document.external_id} is not whole: it has {len(kept)} passages")
    if stored != whole:
        found.append(f"{len(stored ^ whole)} searchable passages belong to no whole document")
    if await b.store.passages_without_vector(TENANT, b.embedder.model_id):
        found.append("passages are searchable that have no vector")
    for document in random.Random(len(documents)).sample(documents, k=min(3, len(documents))):  # noqa: S311
        found += await _not_found(b, document)
    return found


async def _not_found(b: Bench, document: Any) -> list[str]:
    """Search by the words of its last section, as a person would."""
    search = KnowledgeSearch(
        store=b.store, index=b.index, embedder=b.embedder, clock=SystemClock(), calibration=Calibration.load()
    )
    wanted = b.chunker.passages(document)[-1]
    query = SearchQuery(tenant_id=TENANT, text=f"{document.title} {wanted.text}", limit=10)
    result = await search.search(query)
    if wanted.id in {one.passage.id for one in result.passages}:
        return []
    return [f"search does not find {document.external_id} by its own words"]


if __name__ == "__main__":
    main()
