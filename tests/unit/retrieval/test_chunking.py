"""Passages follow the document's structure, fit the model, and point back at exact characters."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.loaders.building import DocumentBuilder
from copilot.adapters.loaders.metadata import Metadata
from copilot.domain.knowledge import BlockKind, KnowledgeDocument
from copilot.retrieval.chunking import Chunker, ChunkLimits, embedded_text

COUNTER = FakeTokenCounter()
LIMITS = ChunkLimits(target=60, pieces=80)


def document(build, title="Returns"):
    builder = DocumentBuilder()
    build(builder)
    parsed = builder.build(Metadata(title=title), external_id="returns", source="returns.md")
    return KnowledgeDocument(**parsed.model_dump(), id="doc_1", tenant_id="t", content_hash="h")


def cut(doc, limits=LIMITS):
    return Chunker(COUNTER, COUNTER, limits).passages(doc)


def test_a_clause_is_one_passage_with_its_headings_as_context():
    def build(b):
        b.heading(1, "Returns")
        b.heading(2, "3.1 Condition")
        b.paragraph("Items must be unused.")
        b.heading(2, "3.2 Return window")
        b.paragraph("Within 30 days.")
        b.paragraph("Gold members have 60 days.")

    first, second = cut(document(build))
    assert (first.clause, first.text) == ("3.1", "Items must be unused.")
    assert (second.clause, second.text) == ("3.2", "Within 30 days.\n\nGold members have 60 days.")
    assert second.context == "Returns › 3.2 Return window"


def test_a_long_table_repeats_its_header_and_is_cut_between_rows():
    rows = [["Product", "Fee"], *[[f"Product number {n}", f"${n}.00"] for n in range(40)]]
    doc = document(lambda b: b.table(rows))
    passages = cut(doc)
    assert len(passages) > 3
    lines = [line for passage in passages for line in passage.text.split("\n")]
    assert all(passage.text.startswith("| Product | Fee |") for passage in passages)
    assert sorted(set(lines)) == sorted(set(doc.text.split("\n")))
    assert {passage.kind for passage in passages} == {BlockKind.TABLE}


def test_a_header_too_long_to_repeat_is_shortened_and_never_left_out():
    titles = [f"What the customer has to pay in region {n}" for n in range(4)]
    rows = [titles, *[[f"{n}{m}" for m in range(4)] for n in range(30)]]
    passages = cut(document(lambda b: b.table(rows)), ChunkLimits(target=70, pieces=90))
    assert len(passages) > 3
    for passage in passages[1:]:
        header = passage.text.split("\n", 1)[0]
        assert header.count("|") == 5
        assert header.startswith("| What")


def test_ids_stay_when_another_part_changes():
    def build(answer):
        def inner(b):
            b.heading(2, "A")
            b.paragraph(answer)
            b.heading(2, "B")
            b.paragraph("The same.")

        return inner

    before, after = cut(document(build("one"))), cut(document(build("a longer answer")))
    assert before[0].id != after[0].id
    assert before[1].id == after[1].id
    assert before[1].start != after[1].start


def test_repeated_text_gets_different_ids():
    def build(b):
        b.paragraph("4.1 Same words.")
        b.heading(2, "X")
        b.paragraph("Again.")
        b.heading(2, "X")
        b.paragraph("Again.")

    ids = [passage.id for passage in cut(document(build))]
    assert len(set(ids)) == len(ids) == 3


word = st.text("abcdefghij 0123.,!?", min_size=1, max_size=40)
block = st.one_of(
    st.tuples(st.just("heading"), word),
    st.tuples(st.just("paragraph"), st.lists(word, min_size=1, max_size=12).map(" ".join)),
    st.tuples(
        st.just("list"), st.lists(word, min_size=1, max_size=12).map(lambda w: "\n".join(f"- {x}" for x in w))
    ),
    st.tuples(st.just("table"), st.lists(st.lists(word, min_size=2, max_size=2), min_size=1, max_size=12)),
)


@settings(max_examples=150, deadline=None)
@example([("paragraph", "0 0 0? ?0 0?0?0 0??0?0 0?0?0?0?0?0 0?0?0?0?0?0 0000000?0??0 0?0?0?0?0?0?0?0")])
@given(st.lists(block, max_size=12))
def test_every_passage_is_exact_fits_and_nothing_is_lost(parts):
    def build(b):
        b.paragraph("Something.")
        for kind, content in parts:
            match kind:
                case "heading":
                    b.heading(2, content)
                case "paragraph":
                    b.paragraph(content)
                case "list":
                    b.block(BlockKind.LIST, content)
                case _:
                    b.table(content)

    doc = document(build)
    passages = cut(doc)
    covered = set()
    for passage in passages:
        own = doc.text[passage.start : passage.end]
        assert passage.text == own or (passage.kind is BlockKind.TABLE and passage.text.endswith("\n" + own))
        assert COUNTER.count(embedded_text(passage)) <= LIMITS.pieces
        assert COUNTER.count(own) <= LIMITS.target
        covered.update(range(passage.start, passage.end))
    for b in doc.blocks:
        if b.kind is not BlockKind.HEADING:
            assert all(i in covered for i in range(b.start, b.end) if not doc.text[i].isspace())
    assert len({passage.id for passage in passages}) == len(passages)
    assert [p.start for p in passages] == sorted(p.start for p in passages)


@pytest.mark.parametrize("title", ["x" * 5000, "word " * 800])
def test_an_endless_title_leaves_room_for_text(title):
    (passage,) = cut(document(lambda b: b.paragraph("Short text."), title=title))
    assert COUNTER.count(embedded_text(passage)) <= LIMITS.pieces
