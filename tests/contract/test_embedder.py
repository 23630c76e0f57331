"""What every `Embedder` promises, and that ours gives the vectors of the model it claims to be."""

import asyncio
import importlib.util
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from copilot.adapters import minilm
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.micro_batch import MicroBatcher
from copilot.adapters.minilm import MiniLmEmbedder, export_model
from copilot.adapters.model_files import find_packaged_file
from copilot.adapters.sentence_transformers import SentenceTransformersEmbedder
from copilot.domain.errors import ConfigurationError, DependencyUnavailable
from copilot.ports import Embedder

REFERENCE = importlib.util.find_spec("sentence_transformers") is not None
needs_reference = pytest.mark.skipif(not REFERENCE, reason="the extra sentence-transformers is not installed")
# Libraries of the reference warn about themselves; that is not ours to fix.
pytestmark = pytest.mark.filterwarnings("default")

LONG = "The parcel was returned to the sender because nobody answered the door. " * 60
TEXTS = [
    "",
    " ",
    "?",
    "Where is my order?",
    "I want my money back for order #W2378156, please.",
    "i want my money back for order #w2378156, please",
    "REFUND NOW!!!",
    "The returns window is 30 days from delivery.",
    "The returns window is not 30 days from delivery.",
    "Can I exchange the blue shoes (size 42) for size 43?",
    "My name is Zoë Müller-Østergård; the café on Señor Nuñez street.",
    "naïve façade coöperate résumé",
    "Où est ma commande ? Elle devait arriver lundi.",
    "Wo bleibt meine Bestellung? Sie sollte Montag kommen.",
    "¿Dónde está mi pedido?",
    "我的订单在哪里\uff1f",
    "注文はどこですか。",
    "주문한 상품은 어디에 있나요?",
    "أين طلبي؟",
    "где мой заказ",
    "👍",
    "Thanks 🙏🙏 it works 🎉",
    "line one\nline two\r\n\ttabbed\u00a0and non-breaking",
    "<b>HTML</b> &amp; {{ template }} [MASK] [SEP] [CLS]",
    "SELECT * FROM orders WHERE id = 1; DROP TABLE orders",
    "https://shop.example/orders/1?ref=abc&x=%20 mail me at jane@example.com",
    "0123456789 4,999.00 € £12 $3.50 12/11/2026",
    "x" * 300,
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
    "\x00\x07\ufeff\u200bcontrol characters\ufffd",
    LONG,
    LONG + "and only this end differs, far past the limit of the model",
    "word " * 254,
    "word " * 255,
]


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("minilm")


@pytest.fixture(scope="module")
def reference() -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder(str(find_packaged_file(minilm.PACKAGES, "model.safetensors").parent))


@pytest.fixture
async def embedder(request: pytest.FixtureRequest, cache_dir: Path) -> AsyncIterator[Embedder]:
    if request.param == "reference":
        yield request.getfixturevalue("reference")
        return
    built = MiniLmEmbedder(cache_dir) if request.param == "minilm" else HashingEmbedder()
    yield built
    built.close()


every_embedder = pytest.mark.parametrize(
    "embedder", ["minilm", "hashing", pytest.param("reference", marks=needs_reference)], indirect=True
)


@every_embedder
class TestEveryEmbedder:
    async def test_gives_unit_vectors_of_the_promised_size(self, embedder):
        vector = await embedder.embed_query("Where is my order?")
        assert vector.shape == (embedder.dimensions,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)

    async def test_embeds_any_text(self, embedder):
        vectors = await embedder.embed_passages(TEXTS)
        assert vectors.shape == (len(TEXTS), embedder.dimensions)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)

    async def test_a_passage_has_the_vector_it_has_alone(self, embedder):
        together = await embedder.embed_passages(TEXTS)
        for row in (3, 15, 21, 30):
            alone = await embedder.embed_passages([TEXTS[row]])
            assert alone[0] @ together[row] > 0.9999

    async def test_no_passages_are_no_rows(self, embedder):
        assert (await embedder.embed_passages([])).shape == (0, embedder.dimensions)

    async def test_the_passage_that_shares_the_words_is_nearest(self, embedder):
        query = await embedder.embed_query("refund for a damaged kettle")
        passages = await embedder.embed_passages(
            ["Opening hours of our shops", "You get a refund for a damaged kettle", "How to descale"]
        )
        assert int(np.argmax(passages @ query)) == 1

    async def test_reports_progress_up_to_the_last_passage(self, embedder):
        seen: list[int] = []
        await embedder.embed_passages(TEXTS, on_progress=seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == len(TEXTS)

    async def test_the_model_id_is_stable_and_says_the_model(self, embedder):
        assert embedder.model_id
        assert embedder.model_id == embedder.model_id

    async def test_does_not_block_the_event_loop(self, embedder):
        if isinstance(embedder, HashingEmbedder):
            pytest.skip("microseconds a text: it needs no thread")
        await embedder.embed_query("warm up")
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.002)

        ticking = asyncio.create_task(tick())
        await embedder.embed_passages([LONG] * 8)
        ticking.cancel()
        assert ticks > 5


@needs_reference
class TestSameVectorsAsTheReference:
    async def test_passages(self, cache_dir, reference):
        ours = MiniLmEmbedder(cache_dir)
        found, expected = await ours.embed_passages(TEXTS), await reference.embed_passages(TEXTS)
        ours.close()
        cosines = (found * expected).sum(axis=1)
        assert cosines.min() >= 0.9999, TEXTS[int(cosines.argmin())]

    async def test_queries(self, cache_dir, reference):
        ours = MiniLmEmbedder(cache_dir)
        for text in TEXTS:
            assert await ours.embed_query(text) @ await reference.embed_query(text) >= 0.9999, text
        ours.close()


class TestExport:
    def test_is_done_once(self, cache_dir):
        first = export_model(cache_dir)
        written = first.stat().st_mtime_ns
        assert export_model(cache_dir) == first
        assert first.stat().st_mtime_ns == written
        assert [path.name for path in first.parent.iterdir() if path.name.startswith(".")] == []

    def test_a_file_cut_short_is_made_again(self, tmp_path):
        model = export_model(tmp_path)
        whole = model.read_bytes()
        model.write_bytes(whole[:1000])
        assert export_model(tmp_path).read_bytes() == whole

    async def test_says_which_package_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.setattr(minilm, "PACKAGES", {"no-such-weights": "1.0"})
        with pytest.raises(ConfigurationError, match=r"no-such-weights==1\.0"):
            export_model(tmp_path)

    async def test_refuses_other_weights(self, tmp_path, monkeypatch):
        monkeypatch.setattr(minilm, "WEIGHTS_SHA256", "0" * 64)
        with pytest.raises(ConfigurationError, match="SHA-256"):
            export_model(tmp_path)
        assert list(tmp_path.rglob("*.onnx")) == []

    async def test_a_failed_load_reaches_the_caller(self, tmp_path, monkeypatch):
        monkeypatch.setattr(minilm, "PACKAGES", {"no-such-weights": "1.0"})
        embedder = MiniLmEmbedder(tmp_path)
        with pytest.raises(ConfigurationError):
            await embedder.load()
        with pytest.raises(ConfigurationError):
            await embedder.embed_query("Where is my order?")
        embedder.close()


class TestQueries:
    async def test_many_at_once_get_their_own_vectors(self, cache_dir):
        embedder = MiniLmEmbedder(cache_dir)
        texts = [f"Where is order number {number}?" for number in range(40)] + [LONG]
        together = await asyncio.gather(*(embedder.embed_query(text) for text in texts))
        alone = await embedder.embed_passages(texts)
        embedder.close()
        assert (np.stack(together) * alone).sum(axis=1) == pytest.approx(1, abs=1e-5)

    async def test_a_repeated_query_is_remembered_and_cannot_be_changed(self, cache_dir):
        embedder = MiniLmEmbedder(cache_dir)
        first = await embedder.embed_query("Where is my order?")
        assert await embedder.embed_query("Where is my order?") is first
        with pytest.raises(ValueError, match="read-only"):
            first[0] = 1
        embedder.close()

    async def test_those_who_ask_the_same_at_once_share_one_run_and_one_may_give_up(self, cache_dir):
        embedder = MiniLmEmbedder(cache_dir)
        first, second, third = (
            asyncio.create_task(embedder.embed_query("Where is my order?")) for _ in range(3)
        )
        await asyncio.sleep(0)
        first.cancel()
        assert await second is await third
        assert first.cancelled()
        embedder.close()

    async def test_the_memory_is_bounded(self, cache_dir, monkeypatch):
        monkeypatch.setattr(minilm, "QUERY_CACHE", 2)
        embedder = MiniLmEmbedder(cache_dir)
        first = await embedder.embed_query("one")
        await embedder.embed_query("two")
        await embedder.embed_query("one")
        await embedder.embed_query("three")
        assert await embedder.embed_query("one") is first
        assert set(embedder._cache) == {"three", "one"}
        embedder.close()

    async def test_after_close_it_refuses(self, cache_dir):
        embedder = MiniLmEmbedder(cache_dir)
        embedder.close()
        with pytest.raises(DependencyUnavailable, match="closed"):
            await embedder.embed_query("Where is my order?")


class TestMicroBatcher:
    async def test_a_lone_item_is_not_kept_waiting_and_the_rest_go_together(self):
        started, release, batches = threading.Event(), threading.Event(), []

        def work(items):
            batches.append(list(items))
            started.set()
            release.wait(5)
            return [item * 10 for item in items]

        batcher = MicroBatcher(work, limit=3, name="test")
        tasks = [asyncio.create_task(batcher.submit(0))]
        await asyncio.to_thread(started.wait, 5)
        assert batches == [[0]]
        tasks += [asyncio.create_task(batcher.submit(item)) for item in range(1, 6)]
        await asyncio.sleep(0.01)
        release.set()
        assert await asyncio.gather(*tasks) == [0, 10, 20, 30, 40, 50]
        assert batches == [[0], [1, 2, 3], [4, 5]]
        batcher.close()

    async def test_what_can_wait_comes_after_everything_else_in_batches_of_its_own(self):
        started, release, batches = threading.Event(), threading.Event(), []

        def work(items):
            batches.append(list(items))
            started.set()
            release.wait(5)
            return items

        batcher = MicroBatcher(work, limit=3, name="test")
        tasks = [asyncio.create_task(batcher.submit("first"))]
        await asyncio.to_thread(started.wait, 5)
        for item, later in (("x", True), ("y", True), ("a", False), ("b", False)):
            tasks.append(asyncio.create_task(batcher.submit(item, later=later)))
            await asyncio.sleep(0)
        release.set()
        await asyncio.gather(*tasks)
        assert batches == [["first"], ["a", "b"], ["x", "y"]]
        batcher.close()

    async def test_an_item_whose_caller_gave_up_is_not_worked_on(self):
        started, release, batches = threading.Event(), threading.Event(), []

        def work(items):
            batches.append(list(items))
            started.set()
            release.wait(5)
            return items

        batcher = MicroBatcher(work, limit=3, name="test")
        first = asyncio.create_task(batcher.submit("first"))
        await asyncio.to_thread(started.wait, 5)
        given_up, second = (asyncio.create_task(batcher.submit(item)) for item in ("given up", "second"))
        await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.sleep(0.01)
        release.set()
        assert await asyncio.gather(first, second) == ["first", "second"]
        assert batches == [["first"], ["second"]]
        batcher.close()

    async def test_an_error_reaches_its_callers_and_the_thread_goes_on(self):
        def work(items):
            if "bad" in items:
                raise ConfigurationError("no weights")
            return items

        batcher = MicroBatcher(work, limit=3, name="test")
        with pytest.raises(ConfigurationError):
            await batcher.submit("bad")
        assert await batcher.submit("good") == "good"
        batcher.close()
