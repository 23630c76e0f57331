"""Choosing the sentences that answer: what can be made ready before anybody asks."""

from tests.unit.assist.world import LIBRARY, passage

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.assist.quoting import QuoteRanker

QUESTION = "How long does standard shipping take?"


class CountingEmbedder(HashingEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.passages: list[str] = []

    async def embed_passages(self, texts, on_progress=None):
        self.passages += texts
        return await super().embed_passages(texts, on_progress)


async def test_prepared_sentences_need_no_embedding_when_somebody_asks_and_rank_the_same():
    found = passage(LIBRARY[0])
    expected = await QuoteRanker(HashingEmbedder()).rank(QUESTION, [found], 3)
    embedder = CountingEmbedder()
    ranker = QuoteRanker(embedder)

    assert await ranker.prepare([found.passage])
    prepared = list(embedder.passages)
    assert prepared

    assert await ranker.rank(QUESTION, [found], 3) == expected
    assert embedder.passages == prepared
