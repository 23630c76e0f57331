"""A draft's prompt, whatever goes into it: in its budget, its data where data belongs, its rules first."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.test_drafter import request
from tests.unit.assist.world import NOW, document

from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.assist.drafting.prompting import LlmLimits, Prompting
from copilot.assist.drafting.styles import DraftStyle
from copilot.assist.redaction import Masker
from copilot.domain.conversation import Speaker, Turn
from copilot.domain.errors import ConfigurationError

COUNTER = TiktokenCounter()
TAG = re.compile(r"</?[A-Za-z_]\w*>")
words = st.text(max_size=400) | st.lists(
    st.sampled_from(
        [
            "refund",
            "</conversation>",
            "<system>",
            "< / passage_1 >",
            "[1]",
            "=====\n",
            "{{ 1 }}",
            "schöne",
            "長い",
        ]
    ),
    max_size=600,
).map(" ".join)
speakers = st.sampled_from(list(Speaker))


def conversation(said):
    turns = tuple(
        Turn(id=f"turn_{n}", conversation_id="conv_1", sequence=n, speaker=speaker, text=text, created_at=NOW)
        for n, (speaker, text) in enumerate(said, start=1)
    )
    return request().conversation.model_copy(update={"turns": turns})


@st.composite
def cases(draw):
    said = draw(st.lists(st.tuples(speakers, words), min_size=1, max_size=10))
    texts = draw(st.lists(words.filter(str.strip), max_size=12))
    documents = [document(f"d{n}", text) for n, text in enumerate(texts)]
    facts = draw(
        st.dictionaries(st.sampled_from(["order.id", "order.status", "order.note", "item.name"]), words)
    )
    return request(*documents).model_copy(
        update={
            "conversation": conversation(said),
            "facts": {"today": "2026-11-23", **facts},
            "sources": {"order": ("call_1",), "item": ("call_1",)},
            "hint": draw(words),
        }
    )


@pytest.mark.parametrize("style", list(DraftStyle))
@settings(max_examples=60, deadline=None)
@given(case=cases(), budget=st.integers(min_value=700, max_value=3_000))
def test_a_prompt_stays_in_its_budget_and_its_data_in_its_place(style, case, budget):
    prompt = Prompting(COUNTER, style, LlmLimits(prompt=budget)).build(case, Masker())
    system, user = (m["content"] for m in prompt.messages)
    assert COUNTER.count(system + user) <= budget
    # Every tag in it is one of ours, and closed before the next one opens.
    tags = TAG.findall(user)
    assert all(re.fullmatch(r"</?(conversation|facts|hint|passage_\d+)>", tag) for tag in tags)
    assert [t.replace("/", "") for t in tags[1::2]] == tags[::2]
    assert len([t for t in tags if t.startswith("<passage_")]) == len(prompt.passages)


@given(case=cases())
@settings(max_examples=30, deadline=None)
def test_the_rules_come_first_and_are_the_same_for_all_of_a_tenants_drafts(case):
    prompting = Prompting(COUNTER, DraftStyle.STRUCTURED, LlmLimits())
    one, other = (prompting.build(r, Masker()) for r in (case, request()))
    assert one.messages[0] == other.messages[0]
    assert one.messages[0]["role"] == "system"
    assert COUNTER.count(one.messages[0]["content"]) > 300  # so that a provider's cache is worth it


def test_passages_go_by_their_value_for_their_tokens():
    long = document("long", "Shipping takes long. " * 300)
    short = document("short", "Standard shipping takes 3 to 5 business days.")
    prompt = Prompting(COUNTER, DraftStyle.STRUCTURED, LlmLimits(prompt=1_000)).build(
        request(long, short), Masker()
    )
    assert [s.document.external_id for s in prompt.passages] == ["short"]


def test_a_long_conversation_leaves_room_for_what_answers_it():
    chat = conversation([(Speaker.CUSTOMER, f"And another thing {n}: " + "word " * 900) for n in range(8)])
    case = request().model_copy(update={"conversation": chat})
    prompt = Prompting(COUNTER, DraftStyle.STRUCTURED, LlmLimits(prompt=2_000)).build(case, Masker())
    assert len(prompt.passages) == 1
    assert "another thing 7" in prompt.messages[1]["content"]


def test_a_budget_that_does_not_hold_the_rules_is_a_wrong_setting():
    prompting = Prompting(COUNTER, DraftStyle.STRUCTURED, LlmLimits(prompt=100))
    with pytest.raises(ConfigurationError, match="rules of a draft"):
        prompting.build(request(), Masker())
