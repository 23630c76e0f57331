"""`copilot ingest --engine ray`: what a cluster embeds is what this process would have embedded."""

import asyncio
import sys
import time

import pytest
from tests.servers.models import cosines, open_broken, open_hashing, open_noted, open_other
from tests.servers.ray_cluster import needs_ray, running_ray
from typer.testing import CliRunner

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.ray_embedder import RayEmbedder
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.cli.app import build_app
from copilot.domain.errors import ConfigurationError
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Ingestor

# Ray and pyarrow warn about themselves; that is not ours to fix.
pytestmark = pytest.mark.filterwarnings("default")

TEXTS = [f"Passage {number} says {'very ' * (number % 40)}much about parcels." for number in range(300)]


@pytest.fixture(scope="module")
def cluster():
    with running_ray() as nodes:
        yield nodes


@pytest.fixture(scope="module")
def joined(cluster):
    """Makes embedders of the cluster; joined once, because each joining has worker processes of its own."""
    first = asyncio.run(RayEmbedder.open(HashingEmbedder(), open_hashing, "256", cluster.address))
    yield RayEmbedder
    asyncio.run(first.close())


class Knowledge:
    """A store, an index and an ingestor, as `copilot ingest` has them."""

    def __init__(self, database, embedder, batch_passages):
        self.store = SqlKnowledgeStore(database)
        self.index = InMemoryPassageIndex()
        self.embedder = embedder
        self.ingestor = Ingestor(
            store=self.store,
            index=self.index,
            embedder=embedder,
            chunker=Chunker(TiktokenCounter(), WordPieceCounter()),
            open_folder=FolderSource,
            batch_passages=batch_passages,
        )

    async def vectors(self):
        found = {}
        async for ids, vectors in self.store.all_vectors("acme", self.embedder.model_id):
            found |= dict(zip(ids, vectors, strict=True))
        return found


@pytest.fixture
async def opened(tmp_path):
    databases = []

    async def open_one(embedder, batch_passages=512):
        databases.append(await Database.open(tmp_path / f"{len(databases)}.db"))
        return Knowledge(databases[-1], embedder, batch_passages)

    yield open_one
    for database in databases:
        await database.close()


def write_articles(folder, count):
    folder.mkdir()
    for number in range(count):
        sections = "\n\n".join(
            f"## Clause {part}\n\nArticle {number} gives {'good ' * (part * 9)}reasons for part {part}."
            for part in range(4)
        )
        (folder / f"a{number:03}.md").write_text(f"# Article {number}\n\n{sections}\n")
    # A copy of the first one's text: its passages are embedded once.
    (folder / "copy.md").write_text((folder / "a000.md").read_text())
    return folder


@needs_ray
async def test_passages_come_back_in_their_order_with_progress(joined):
    local = HashingEmbedder(64)
    spread = joined(local, open_hashing, "64")
    seen = []
    vectors = await spread.embed_passages(TEXTS, seen.append)
    await asyncio.sleep(0)
    assert cosines(vectors, await local.embed_passages(TEXTS)).min() > 0.9999
    assert (seen == sorted(seen), seen[-1]) == (True, len(TEXTS))
    assert await spread.embed_query("parcels") @ await local.embed_query("parcels") > 0.9999
    assert (await spread.embed_passages([])).shape == (0, 64)


@needs_ray
async def test_a_machine_with_another_model_is_refused_and_one_that_fails_is_named(joined):
    local = HashingEmbedder()
    with pytest.raises(ConfigurationError, match="its model is other, and hashing-256 was asked for"):
        await joined(local, open_other, "x").embed_passages(TEXTS)
    with pytest.raises(ConfigurationError, match="cannot embed: no room for this model") as failed:
        await joined(local, open_broken, "x").embed_passages(TEXTS)
    assert "the same version" in failed.value.hint


@needs_ray
async def test_a_node_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    cluster, joined, opened, tmp_path
):
    folder = write_articles(tmp_path / "kb", 100)
    notes = tmp_path / "notes"
    notes.mkdir()
    local = MiniLmEmbedder()
    here = await opened(local)
    expected = await here.ingestor.ingest_folder("acme", folder)
    there = await opened(joined(local, open_noted, str(notes)), batch_passages=256)

    def kill_while_both_work():
        while len(list(notes.glob("*.begun"))) < 2:
            time.sleep(0.01)
        cluster.kill_second()

    killing = asyncio.create_task(asyncio.to_thread(kill_while_both_work))
    report = await there.ingestor.ingest_folder("acme", folder)
    await killing
    again = await there.ingestor.ingest_folder("acme", folder)
    local.close()
    assert list(notes.glob("*.begun")), "no task was cut short"
    assert report == expected
    assert (report.passages, report.embedded, again.embedded) == (404, 400, 0)
    ours, theirs = await there.vectors(), await here.vectors()
    assert ours.keys() == theirs.keys() == await there.index.ids("acme")
    assert len(ours) == 404
    assert min(float(ours[name] @ theirs[name]) for name in ours) >= 0.9999


def ingest(*arguments):
    CliRunner().invoke(build_app(), ["ingest", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path / "data"))
    return write_articles(tmp_path / "kb", 1)


def test_without_the_extra_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match="needs the extra 'ray'") as refused:
        ingest(folder, "--engine", "ray")
    assert "agent-assist-copilot[ray]" in refused.value.hint


@needs_ray
def test_a_cluster_that_does_not_answer_is_named_at_once(folder, monkeypatch):
    monkeypatch.setenv("COPILOT_RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="no Ray cluster answers") as refused:
        ingest(folder, "--engine", "ray")
    assert refused.value.where == "127.0.0.1:1"
    with pytest.raises(ConfigurationError, match="no address of a Ray cluster"):
        ingest(folder, "--engine", "ray", "--ray-address", "http://example")
