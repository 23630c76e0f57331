"""What a KnowledgeStore does, on SQLite and on PostgreSQL."""

# ruff: noqa: E501 - samples read better whole

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime

import numpy as np
import pytest

from copilot.adapters.sql.knowledge_rows import document_facts, read_facts
from copilot.adapters.sql.opening import knowledge_store
from copilot.domain.errors import NotFound
from copilot.domain.knowledge import (
    Audience,
    BlockKind,
    KnowledgeDocument,
    KnowledgeGap,
    Passage,
    SearchQuery,
)

MODEL = "model-a"


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request, opened):
    return knowledge_store(await opened(request.param))


def document(external_id="returns", version="1", tenant="acme", text="Some text.", **more):
    return KnowledgeDocument(
        id=f"doc_{tenant}_{external_id}_{version}",
        tenant_id=tenant,
        external_id=external_id,
        version=version,
        title="Returns",
        text=text,
        blocks=(),
        content_hash=f"hash of {text}",
        source=f"kb/{external_id}.md",
        **more,
    )


def passage(doc, text, number=0):
    return Passage(
        id=f"psg_{doc.id}_{text}",
        document_id=doc.id,
        position=number,
        text=text,
        context="Returns › 3.2 Window",
        kind=BlockKind.PARAGRAPH,
        heading_path=("Returns", "3.2 Window"),
        clause="3.2",
        page=2,
        start=0,
        end=len(text),
        token_count=3,
        content_hash=f"content {text}",
    )


def vectors(count, value=1.0):
    return np.full((count, 4), value, dtype=np.float32)


async def put(store, doc, *texts, model=MODEL, value=1.0):
    cut = [passage(doc, text, number) for number, text in enumerate(texts)]
    rows = vectors(0 if doc.quarantined else len(cut), value)
    return cut, await store.put_document(doc, cut, rows, model)


async def shown(store, tenant, ids):
    """What a search would show of them."""
    return await store.fetch(tenant, (await store.look_up(tenant, ids, [], MODEL)).passages)


async def test_knows_which_passages_a_filter_leaves(store):
    day = date(2026, 3, 1)
    for name, more in {
        "plain": {},
        "old": {"valid_to": date(2026, 2, 28)},
        "new": {"valid_from": date(2026, 3, 1)},
        "inside": {"audience": "internal"},
        "replaced": {"superseded_by": "new"},
        "german": {"locale": "de", "product": "tent", "tags": ("zoë", "b")},
        "bad": {"quarantined": "an instruction"},
    }.items():
        await put(store, document(name, text=name, **more), name)
    await put(store, document("other", tenant="other", text="other"), "other")

    async def left(**filters):
        query = SearchQuery(tenant_id="acme", text="?", **filters)
        ids = await store.passages_within(query, filters.get("as_of") or day, 99)
        return {passage.text for passage, _ in (await shown(store, "acme", ids)).values()}

    assert await left() == {"plain", "new", "inside", "german"}
    assert await left(as_of=date(2026, 2, 28)) == {"plain", "old", "inside", "replaced", "german"}
    assert await left(audiences=frozenset({Audience.PUBLIC})) == {"plain", "new", "german"}
    assert await left(locale="de") == await left(tags=frozenset({"zoë"})) == {"german"}
    assert await left(tags=frozenset({"zoë", "c"})) == set()
    assert await left(product="stove") == {"plain", "new", "inside"}
    assert len(await store.passages_within(SearchQuery(tenant_id="acme", text="?"), day, 2)) == 2
    await store.delete_document("acme", "plain")
    assert await left() == {"new", "inside", "german"}


async def test_matches_and_reads_vectors_among_named_passages(store):
    first, _ = await put(store, document("a", text="a"), "return within days", value=1.0)
    second, _ = await put(store, document("b", text="b"), "return", value=2.0)
    assert [name for name, _ in await store.match("acme", "return", 9, among=[first[0].id])] == [first[0].id]
    assert await store.match("acme", "return", 9, among=[]) == []
    names, rows = await store.vectors_of([second[0].id, "psg_none"], MODEL)
    assert names == [second[0].id]
    assert rows.tolist() == vectors(1, 2.0).tolist()
    assert await store.vectors_of([], MODEL) == ([], pytest.approx([]))


async def test_looks_up_what_search_ranks_by_with_vectors_where_they_are_asked_for(store):
    doc = document(valid_from=date(2026, 3, 1), tags=("a", "b"), product="tent")
    first, _ = await put(store, doc, "Within 30 days.", "Unused items.", value=2.0)
    await put(store, document("bad", text="bad", quarantined="an instruction"), "Bad.")
    looked = await store.look_up("acme", [p.id for p in first] + ["psg_none"], [first[1].id], MODEL)
    assert {facts.id: facts.text for facts in looked.passages} == {p.id: p.text for p in first}
    of = looked.passages[0].document
    assert (of.external_id, of.product, of.tags) == ("returns", "tent", frozenset({"a", "b"}))
    assert [of.in_force(date(2026, 2, 28)), of.in_force(date(2026, 3, 1))] == [False, True]
    assert of == document_facts(doc)
    assert list(looked.embedded) == [first[1].id]
    assert looked.vectors.tolist() == vectors(1, 2.0).tolist()
    assert not (await store.look_up("other", [p.id for p in first], [], MODEL)).passages


async def test_looks_up_of_documents_what_filters_ask_for(store):
    plain = document("plain", text="plain")
    special = document(
        "special", version="2026", text="special", audience=Audience.INTERNAL, locale="de", product="tent",
        tags=("zoë", 'a "b"'), valid_from=date(2025, 3, 1), valid_to=date(2026, 3, 1), superseded_by="plain",
    )  # fmt: skip
    ids = [(await put(store, doc, doc.external_id))[0][0].id for doc in (plain, special)]
    looked = await store.look_up("acme", ids, [], MODEL)
    assert {facts.document for facts in looked.passages} == {document_facts(plain), document_facts(special)}


async def test_what_was_replaced_after_it_was_looked_up_is_not_shown(store):
    before, _ = await put(store, document(), "Within 30 days.")
    looked = await store.look_up("acme", [before[0].id], [], MODEL)
    await put(store, document(text="Within 14 days."), "Within 14 days.")
    assert await store.fetch("acme", looked.passages) == {}


async def test_puts_and_reads_back_the_same_values(store):
    doc = document(valid_from=date(2026, 3, 1), tags=("a", "b"))
    cut, gone = await put(store, doc, "Within 30 days.", "Unused items.")
    assert gone == []
    assert await store.get_document("acme", "returns") == doc
    assert await store.passages_of(doc.id) == cut
    assert await shown(store, "acme", [cut[1].id]) == {cut[1].id: (cut[1], doc)}
    assert await store.content_hashes("acme") == {("returns", "1"): doc.content_hash}
    assert await store.sources("acme") == {("returns", "1"): "kb/returns.md"}
    assert await store.tenants() == ["acme"]
    assert await store.passage_count("acme") == 2
    assert await store.passage_ids("acme") == {p.id for p in cut}


async def test_replacing_a_version_returns_what_is_gone(store):
    old, _ = await put(store, document(), "one", "two")
    new, gone = await put(store, document(text="New."), "two", "three")
    assert gone == [old[0].id]
    assert await store.passages_of(document().id) == new
    assert await store.match("acme", "one", 5) == []
    assert [found for found, _ in await store.match("acme", "three", 5)] == [new[1].id]
    assert (await store.get_document("acme", "returns")).text == "New."
    cached = await store.cached_vectors(["content one", "content two", "content three"], MODEL)
    assert set(cached) == {"content two", "content three"}


async def test_the_newest_version_is_by_validity_then_number(store):
    await put(store, document(version="9"), "a")
    await put(store, document(version="10"), "b")
    assert (await store.get_document("acme", "returns")).version == "10"
    await put(store, document(version="2", valid_from=date(2020, 1, 1)), "c")
    assert (await store.get_document("acme", "returns")).version == "2"
    assert (await store.get_document("acme", "returns", "9")).version == "9"


async def test_delete_one_version_or_all(store):
    cut, _ = await put(store, document(version="1"), "one")
    await put(store, document(version="2"), "two")
    assert await store.delete_document("acme", "returns", "1") == [cut[0].id]
    assert await store.match("acme", "one", 5) == []
    await store.delete_document("acme", "returns")
    assert await store.passage_count("acme") == 0
    assert await store.cached_vectors(["content one", "content two"], MODEL) == {}
    for call in (store.delete_document, store.get_document):
        with pytest.raises(NotFound, match="`returns`"):
            await call("acme", "returns")


async def test_keyword_search_stems_and_ranks(store):
    cut, _ = await put(
        store, document(), "Refunding takes days.", "A refund of refunds, refunded.", "Tents are nice."
    )
    found = await store.match("acme", "what about my refunds?", 10)
    assert [name for name, _ in found] == [cut[1].id, cut[0].id]
    assert found[0][1] > found[1][1] > 0
    assert len(await store.match("acme", "refund", 1)) == 1


async def test_a_words_weight_does_not_depend_on_what_else_is_asked(store):
    words = ["refund", "tent", "lantern", "days", "card"]
    texts = [" ".join(words[: 1 + number % 5]) + f" item {number}" * (number % 3) for number in range(60)]
    await put(store, document(), *dict.fromkeys(texts))
    one, other, both = [
        dict(await store.match("acme", query, 100)) for query in ("tent", "card", "tent card")
    ]
    assert both == pytest.approx({name: one.get(name, 0) + other.get(name, 0) for name in one | other})
    assert list(both.values()) == sorted(both.values(), reverse=True)


async def test_a_word_asked_in_two_forms_counts_twice(store):
    await put(store, document(), "A refund.", "A tent.", "A lantern.", "A card.", "A day.")
    (once,), (twice,) = [await store.match("acme", query, 9) for query in ("refund", "refund of refunds")]
    assert twice[1] == pytest.approx(2 * once[1])
    again = await store.match("acme", "refund of refunds", 9)
    assert again == [twice]


async def test_what_is_written_is_found_at_once(store):
    await put(store, document(), "A tent.")
    assert len(await store.match("acme", "tent", 9)) == 1
    await put(store, document("second"), "Another tent.")
    assert len(await store.match("acme", "tent", 9)) == 2
    await store.delete_document("acme", "returns")
    assert len(await store.match("acme", "tent", 9)) == 1


async def test_what_another_process_writes_is_found_at_once(opened):
    """On PostgreSQL nothing is remembered that could be out of date."""
    ours, theirs = [knowledge_store(await opened("sqlite")) for _ in range(2)]
    cut, _ = await put(theirs, document(), "A tent.", "A red lantern.")
    assert len(await ours.match("acme", "tent", 9)) == 1
    assert list(await shown(ours, "acme", [cut[0].id])) == [cut[0].id]
    await put(theirs, document("second"), "Another tent.")
    assert len(await ours.match("acme", "tent", 9)) == 2
    await theirs.delete_document("acme", "returns")
    assert len(await ours.match("acme", "tent", 9)) == 1
    assert await shown(ours, "acme", [cut[0].id]) == {}
    for store in (ours, theirs):
        await store.close()


@pytest.mark.parametrize(
    "query",
    ['"', '" OR 1', "text:refund", "NEAR(refund tent, 2)", "refund*", "a AND NOT b", "^refund", "{context}: x",
     "'; DROP TABLE passages; --", "(", "refund)", "-", "", "  ", "\x00", "🙂", "the of", "%", "refund " * 5000],
)  # fmt: skip
async def test_query_syntax_is_data(store, query):
    await put(store, document(), "A refund.", "Nothing.")
    found = await store.match("acme", query, 5)
    assert bool(found) == ("refund" in query.lower())


async def test_prefix_syntax_does_not_widen_the_match(store):
    await put(store, document(), "Refundable tent.", "The near hill")
    assert await store.match("acme", "tenta*", 5) == []


async def test_quarantined_documents_are_kept_but_never_found(store):
    doc = document(quarantined="tells the reader …")
    cut, _ = await put(store, doc, "Refund everything.")
    assert await store.match("acme", "refund", 5) == []
    assert await shown(store, "acme", [cut[0].id]) == {}
    assert await store.passage_ids("acme") == set()
    assert await store.passages_of(doc.id) == cut
    assert (await store.get_document("acme", "returns")).quarantined
    again, gone = await put(store, document(text="Now clean."), "Refund everything.")
    assert gone == []
    assert [name for name, _ in await store.match("acme", "refund", 5)] == [again[0].id]
    _, gone = await put(store, doc, "Refund everything.")
    assert gone == [again[0].id]


async def test_tenants_never_see_each_other(store):
    mine, _ = await put(store, document(), "A refund.")
    theirs, _ = await put(store, document(tenant="other"), "A refund.")
    assert [name for name, _ in await store.match("acme", "refund", 5)] == [mine[0].id]
    assert await shown(store, "acme", [theirs[0].id]) == {}
    assert await store.match("nobody", "refund", 5) == []
    assert [doc.tenant_id for doc in await store.list_documents("acme")] == ["acme"]
    assert [ids async for ids, _ in store.all_vectors("acme", MODEL)] == [[mine[0].id]]
    await store.delete_document("other", "returns")
    assert await store.passage_count("acme") == 1
    assert await store.cached_vectors(["content A refund."], MODEL)


async def test_vectors_are_kept_per_model(store):
    cut, _ = await put(store, document(), "one", "two")
    assert await store.cached_vectors(["content one"], "model-b") == {}
    assert await store.passages_without_vector("acme", MODEL) == []
    assert await store.passages_without_vector("acme", "model-b") == cut
    await store.put_vectors(["content one", "content two"], vectors(2, 2.0), "model-b")
    ((ids, rows),) = [batch async for batch in store.all_vectors("acme", "model-b")]
    assert ids == [p.id for p in cut]
    np.testing.assert_array_equal(rows, vectors(2, 2.0))
    (kept,) = (await store.cached_vectors(["content one"], MODEL)).values()
    np.testing.assert_array_equal(kept, vectors(1)[0])


async def test_documents_are_paged_by_id(store):
    for number in range(5):
        await put(store, document(external_id=f"d{number}"), "x")
    first = await store.list_documents("acme", limit=3)
    rest = await store.list_documents("acme", after=first[-1].id, limit=3)
    assert [doc.external_id for doc in first + rest] == ["d0", "d1", "d2", "d3", "d4"]


async def test_artifacts_are_replaced(store):
    assert await store.get_artifact("acme", "intents") is None
    await store.put_artifact("acme", "intents", "k1", b"one")
    await store.put_artifact("acme", "intents", "k2", b"two")
    assert await store.get_artifact("acme", "intents") == ("k2", b"two")
    assert await store.get_artifact("other", "intents") is None


async def test_gaps_are_listed_per_tenant(store):
    at = datetime(2026, 11, 23, tzinfo=UTC)
    gaps = [
        KnowledgeGap(id=f"gap_{n}", tenant_id="acme", question="Why?", conversation_id=None, asked_at=at)
        for n in range(3)
    ]
    for gap in gaps:
        await store.record_gap(gap)
    assert await store.list_gaps("acme", after="gap_0") == gaps[1:]
    assert await store.list_gaps("other") == []


async def test_fetching_looks_up_passages_and_does_not_go_through_all_of_a_tenants(opened, tmp_path):
    asked = []
    await opened("sqlite")
    with closing(sqlite3.connect(tmp_path / "copilot.db")) as connection:
        connection.set_trace_callback(asked.append)
        read_facts(connection, "acme", ["psg_1"])
        connection.set_trace_callback(None)
        plan = [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}")]

    assert not [step for step in plan if "passages_by_tenant" in step]
    assert [step for step in plan if step.startswith("SEARCH p USING INDEX") and "(id=?)" in step]
