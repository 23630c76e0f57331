"""Search over a small knowledge base: versions, audiences, tenants, copies, contradictions, context."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.loaders import loader_for
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.domain.knowledge import Audience, SearchQuery
from copilot.retrieval.calibration import FEATURES, Calibration, Features
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.quotes import QuotePicker, citation
from copilot.retrieval.search import KnowledgeSearch

POLICY = """# Returns policy

### 3.2 Return window

You may return an item within {days} days of delivery.

### 3.4 Final sale

Clearance items cannot be returned.
"""
COUNTER = FakeTokenCounter()


class World:
    def __init__(self, database):
        self.store, self.index, self.embedder = (
            SqlKnowledgeStore(database),
            InMemoryPassageIndex(),
            HashingEmbedder(),
        )
        self.ingestor = Ingestor(
            store=self.store,
            index=self.index,
            embedder=self.embedder,
            chunker=Chunker(COUNTER, COUNTER),
            open_folder=FolderSource,
        )
        self.knowledge = KnowledgeSearch(
            store=self.store,
            index=self.index,
            embedder=self.embedder,
            clock=FixedClock(datetime(2026, 11, 23, tzinfo=UTC)),
            calibration=Calibration.load(),
        )

    async def add(self, name, text, tenant="acme", **metadata):
        for parsed in loader_for(".md").load(text.encode(), external_id=name, source=name, metadata=metadata):
            await self.ingestor.put(tenant, parsed)

    async def search(self, text, tenant="acme", **more):
        return await self.knowledge.search(SearchQuery(tenant_id=tenant, text=text, **more))

    async def found(self, text, **more):
        result = await self.search(text, **more)
        return [(p.document.external_id, p.document.version, p.passage.clause) for p in result.passages]


@pytest.fixture
async def world(tmp_path):
    database = await Database.open(tmp_path / "t.db")
    made = World(database)
    await made.add("returns", POLICY.format(days=14), version="2", valid_to=date(2026, 2, 28))
    await made.add("returns", POLICY.format(days=30), version="3", valid_from=date(2026, 3, 1))
    yield made
    await database.close()


async def test_the_best_clause_comes_first(world):
    result = await world.search("How many days do I have to return an item?")
    best = result.passages[0]
    assert (best.passage.clause, best.document.version) == ("3.2", "3")
    assert best.rank_keyword is not None
    assert best.rank_dense is not None
    assert result.confidence == best.confidence
    assert [p.score for p in result.passages] == sorted((p.score for p in result.passages), reverse=True)


async def test_only_the_version_in_force_is_shown(world):
    assert {found[:2] for found in await world.found("return window")} == {("returns", "3")}
    for day, version in [(date(2026, 2, 28), "2"), (date(2026, 3, 1), "3")]:
        found = await world.found("return window", as_of=day)
        assert {name[:2] for name in found} == {("returns", version)}


async def test_of_versions_without_dates_the_newest_is_shown(world):
    for version in ("9", "10"):
        await world.add("stove", f"The stove burns gas, edition {version}.", version=version)
    assert {found[:2] for found in await world.found("stove gas")} >= {("stove", "10")}
    assert ("stove", "9", None) not in await world.found("stove gas")


async def test_superseded_documents_are_shown_only_when_asked_by_date(world):
    await world.add("care", "Descale the machine with vinegar.", superseded_by="care-2")
    assert ("care", "1", None) not in await world.found("descale machine vinegar")
    assert ("care", "1", None) in await world.found("descale machine vinegar", as_of=date(2026, 11, 1))


async def test_filters(world):
    await world.add("matrix", "Goodwill voucher amounts.", audience="internal", tags=["goodwill"])
    await world.add("tent", "The tent sleeps two.", product="tent", locale="en")
    await world.add("zelt", "Das Zelt, tent, schläft zwei.", product="tent", locale="de")
    await world.add("stove", "The stove and the tent.", product="stove")
    assert ("matrix", "1", None) in await world.found("goodwill voucher")
    public = frozenset({Audience.PUBLIC})
    assert ("matrix", "1", None) not in await world.found("goodwill voucher", audiences=public)
    assert await world.found("goodwill voucher", tags=frozenset({"goodwill"})) == [("matrix", "1", None)]
    german = await world.found("tent", locale="de")
    assert german == [("zelt", "1", None)]
    names = [name for name, _, _ in await world.found("tent", product="tent")]
    assert "tent" in names
    assert "stove" not in names
    assert "returns" in names


async def test_filters_reach_past_many_better_matches(world):
    for number in range(80):
        await world.add(f"n{number}", f"Goodwill voucher goodwill voucher {number}.")
    await world.add("needle", "One goodwill voucher among very many other words here.", tags=["needle"])
    assert await world.found("goodwill voucher", tags=frozenset({"needle"})) == [("needle", "1", None)]


async def test_no_filter_is_too_narrow(world):
    """The one passage wanted is worse than some hundreds of others by both words and meaning."""
    for number in range(300):
        await world.add(f"n{number}", f"Goodwill voucher goodwill voucher {number}.")
    await world.add("needle", "One goodwill voucher among many other words.", locale="de", product="tent")
    await world.add("unlike", "Nothing in common.", locale="de", tags=["rare"])
    wanted = {"locale": "de", "product": "tent"}
    assert await world.found("goodwill voucher", **wanted) == [("needle", "1", None), ("unlike", "1", None)]
    assert await world.found("goodwill voucher", tags=frozenset({"rare"})) == [("unlike", "1", None)]
    nobody = frozenset({Audience.INTERNAL})
    assert await world.found("goodwill voucher", audiences=nobody) == []


async def test_what_is_scanned_may_be_more_than_one_batch(world, monkeypatch):
    monkeypatch.setattr("copilot.retrieval.search.SCANNED", 3)
    monkeypatch.setattr("copilot.retrieval.search.WIDER", 70)
    for number in range(90):
        await world.add(f"n{number}", f"Goodwill voucher goodwill voucher {number}.")
    for number in range(7):
        await world.add(f"de{number}", f"Ein anderer Text, Nummer {number}.", locale="de")
    found = await world.found("goodwill voucher", locale="de", limit=10)
    assert {name for name, _, _ in found} == {f"de{number}" for number in range(7)}


async def test_a_long_text_is_searched_by_the_sentences_that_say_most(world):
    await world.add("stove", "Clean the burner of the stove with a wire brush.")
    await world.add("tent", "Dry the tent before you fold it.")
    talk = "I really do not know what to say about it all, you know how it is, and so it goes on. " * 8
    result = await world.search(f"{talk} How do I clean the burner of my stove? {talk} Thanks a lot. {talk}")
    assert result.passages[0].document.external_id == "stove"


async def test_a_model_may_write_the_question_out_when_asked_to(world):
    class Rewriter:
        async def rewrite(self, text, history):
            return f"{text} Of the {history[-1]}" if "tent" in history[-1] else None

    knowledge = KnowledgeSearch(
        store=world.store,
        index=world.index,
        embedder=world.embedder,
        clock=FixedClock(datetime(2026, 11, 23, tzinfo=UTC)),
        calibration=Calibration.load(),
        rewriter=Rewriter(),
    )
    await world.add("tent", "The tent weighs 5 pounds.")
    for history, rewrite, matched in [("tent", True, True), ("tent", False, False), ("stove", True, False)]:
        query = SearchQuery(tenant_id="acme", text="Final sale?", history=(history,), rewrite=rewrite)
        result = await knowledge.search(query)
        ranks = {p.document.external_id: p.rank_keyword for p in result.passages}
        assert (ranks["tent"] is not None) is matched


async def test_the_parts_of_a_score_say_why(world):
    best = (await world.search("How many days do I have to return an item?")).passages[0]
    assert best.parts is not None
    assert best.parts.keyword > 0
    assert 0 < best.parts.cosine < best.score


async def test_tenants_never_see_each_other(world):
    await world.add("secret", "The return window of others.", tenant="other")
    assert "secret" not in {name for name, _, _ in await world.found("return window of others", limit=50)}
    result = await world.search("clearance", tenant="other", limit=50)
    assert {p.document.tenant_id for p in result.passages} == {"other"}
    empty = await world.search("return window", tenant="nobody")
    assert (empty.passages, empty.answerable, empty.confidence) == ((), False, 0.0)


async def test_copies_are_shown_once(world):
    await world.add("copy", POLICY.format(days=30))
    found = await world.found("return an item within 30 days", limit=10)
    assert len([clause for _, _, clause in found if clause == "3.2"]) == 1


async def test_contradictions_are_flagged_on_both_sides(world):
    await world.add(
        "old-faq", "# Returns\n\n## Return window\n\nYou may return an item within 14 days of delivery."
    )
    result = await world.search("within how many days of delivery may I return an item")
    by_name = {p.document.external_id: p for p in result.passages if "within" in p.passage.text}
    policy, faq = by_name["returns"], by_name["old-faq"]
    assert policy.conflicts_with == (faq.passage.id,)
    assert faq.conflicts_with == (policy.passage.id,)


async def test_a_short_turn_leans_on_the_turns_before(world):
    await world.add("stove", "# Stove\n\n## Weight\n\nIt weighs 4 pounds.")
    await world.add("tent", "# Tent\n\n## Weight\n\nIt weighs 5 pounds.")
    for product in ("stove", "tent"):
        best = (await world.search("and the weight?", history=(f"I look at the {product}.",))).passages[0]
        assert best.document.external_id == product


@pytest.mark.parametrize("text", ["", "   ", "?!", '"', "\x00"])
async def test_a_query_without_words_finds_nothing(world, text):
    result = await world.search(text)
    assert (result.passages, result.answerable) == ((), False)


async def test_a_very_long_query_is_answered(world):
    assert (await world.search("return window " + "lorem ipsum dolor " * 1500)).passages


async def test_quotes_are_verbatim_and_cited_at_their_place(world):
    picker = QuotePicker(world.embedder)
    result = await world.search("How many days to return an item?")
    for warm in (False, True):
        if warm:
            assert await picker.warm([p.passage for p in result.passages]) > 0
            assert await picker.warm([p.passage for p in result.passages]) == 0
        vector = await world.embedder.embed_query("How many days to return an item?")
        (quote,) = picker.best_sentences("How many days?", result.passages[0].passage, query_vector=vector)
        cited = citation(result.passages[0], quote)
        assert cited.quote == "You may return an item within 30 days of delivery."
        assert result.passages[0].document.text[cited.start : cited.end] == cited.quote
        assert (cited.clause, cited.version) == ("3.2", "3")


async def test_quotes_from_a_part_of_a_table_have_exact_offsets(world):
    rows = "\n".join(f"| Item number {n} of the range | ${n}.00 each |" for n in range(60))
    await world.add("fees", f"| Product | Fee |\n| --- | --- |\n{rows}")
    result = await world.search("what does item 57 cost", limit=20)
    document = await world.store.get_document("acme", "fees")
    passages = [p.passage for p in result.passages if p.document.external_id == "fees"]
    assert len(passages) > 1
    for passage in passages:
        assert passage.text.startswith("| Product | Fee |")
        for quote in QuotePicker(world.embedder).best_sentences("item 57", passage, limit=3):
            assert document.text[quote.start : quote.end] == quote.text


@settings(max_examples=50)
@given(st.lists(st.floats(-2, 20), min_size=len(FEATURES), max_size=len(FEATURES)))
def test_confidence_is_a_probability(values):
    features = Features(**dict(zip(FEATURES, values, strict=True)))
    assert 0 <= Calibration.load().confidence(features) <= 1
