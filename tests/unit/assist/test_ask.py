"""What a representative asks, and what the planner answers from facts, policy and knowledge."""

import asyncio

import pytest
from tests.unit.assist.world import (
    ELENA_ORDER,
    OLD_ORDER,
    RITA,
    LibrarySearch,
    document,
    world,
)

from copilot.domain.actions import PolicyOutcome, Provenance
from copilot.domain.assist import AskStepKind, Support
from copilot.domain.errors import ConversationClosed, InvalidInput, TooLarge
from copilot.domain.knowledge import Audience

HELLO = f"my order {ELENA_ORDER}, I am elena@example.com"
LIBRARY = (
    document(
        "warranty-policy",
        "Length of the warranty. Furniture, camping and garden power: 3 years. Kitchen: 2 years.",
    ),
    document(
        "goodwill-matrix",
        "What to offer gold members for a broken order: a $30 voucher.",
        audience=Audience.INTERNAL,
    ),
)


async def asked(w, question, hint=""):
    await w.live.ask(RITA, w.conversation.id, question, hint)
    await w.live.idle()
    return (await w.snapshot()).answer


async def about_elena(library=LIBRARY, said=HELLO):
    w = await world(search=LibrarySearch(library))
    await w.customer(said)
    return w


async def test_whether_it_can_be_refunded_is_policys_word_with_its_clause_and_a_proposal():
    w = await about_elena(said=f"I want a refund for my broken order {ELENA_ORDER}, I am elena@example.com")
    answer = await asked(w, "Can this be refunded?")
    assert answer.answered
    assert answer.decision.outcome is PolicyOutcome.ALLOW
    assert answer.decision.findings[0].clause.clause == "3.2"
    assert answer.sentences[0].text.startswith("Yes: $49.00 is within the goodwill limit")
    assert answer.sentences[0].support is Support.FACT
    (action_id,) = answer.action_ids
    (action,) = (await w.snapshot()).actions
    assert action.id == action_id
    assert action.provenance == {
        "order_id": Provenance.FACT,
        "amount": Provenance.FACT,
        "reason": Provenance.PLAYBOOK,
    }


async def test_what_policy_denies_is_not_proposed():
    w = await about_elena(said=f"I want a refund for my broken order {OLD_ORDER}, I am elena@example.com")
    answer = await asked(w, "can we still refund it?")
    assert answer.sentences[0].text.startswith("No: 290 days > 30")
    assert answer.decision.outcome is PolicyOutcome.DENY
    assert answer.action_ids == ()


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("when was it delivered?", f"{ELENA_ORDER} was delivered on 15 November 2026, 8 days ago."),
        ("where is the parcel", f"{ELENA_ORDER} was delivered on 15 November 2026, 8 days ago."),
        ("What did the customer pay and how?", f"$49.00 was paid for {ELENA_ORDER} with Visa …8421."),
        (f"what was paid for {OLD_ORDER}", f"$49.00 was paid for {OLD_ORDER} with Visa …8421."),
    ],
)
async def test_facts_come_from_the_order_with_the_look_up_they_rest_on(question, told):
    w = await about_elena()
    answer = await asked(w, question)
    assert answer.sentences[0].text == told
    steps = [e.data for e in await w.events() if e.type == "ask.step"]
    looked_up = {s.call_id for s in steps if s.kind is AskStepKind.READ and s.tool == "get_order_details"}
    assert set(answer.sentences[0].sources) <= looked_up
    assert [s.number for s in steps] == list(range(1, len(steps) + 1))


async def test_the_warranty_is_worked_out_from_the_policys_line_for_the_category():
    w = await about_elena()
    answer = await asked(w, "is it still under warranty?")
    assert answer.sentences[0].text == "Yes, it is under warranty: it runs until 15 November 2029."
    assert answer.sentences[-1].citations[0].quote == "Furniture, camping and garden power: 3 years"


async def test_without_the_warranty_policy_no_length_is_made_up():
    w = await about_elena(library=LIBRARY[1:])
    answer = await asked(w, "is it still under warranty?")
    assert not answer.answered
    assert answer.sentences[-1].text == "The knowledge base does not say how long the warranty for it is."


async def test_what_can_be_offered_is_the_most_that_policy_allows_and_the_internal_advice():
    w = await about_elena()
    answer = await asked(w, "what can I offer gold members for a broken order?")
    texts = [s.text for s in answer.sentences]
    assert any("Refund $49.00" in t and "goodwill" in t for t in texts)
    internal = [s for s in answer.sentences if s.citations]
    assert internal[0].citations[0].audience is Audience.INTERNAL
    assert answer.action_ids == ()


async def test_what_nothing_answers_is_said_plainly():
    w = await about_elena()
    answer = await asked(w, "who won the football yesterday?")
    assert not answer.answered
    assert answer.sentences[0].text == "Neither the order, the policies nor the knowledge base answers this."


async def test_with_nobody_verified_no_order_is_looked_at():
    w = await world()
    await w.customer(f"can I return {ELENA_ORDER}?")
    answer = await asked(w, "when was it delivered?")
    assert "No customer is verified" in answer.sentences[0].text
    assert not [e for e in await w.events() if e.type == "ask.step" and e.data.kind is AskStepKind.READ]


async def test_a_newer_turn_cancels_the_question():
    search = LibrarySearch()
    w = await world(search=search)
    search.blocked = asyncio.Event()
    await w.live.ask(RITA, w.conversation.id, "how long does standard shipping take", "")
    await asyncio.sleep(0)
    adding = asyncio.create_task(w.customer("hello"))
    await asyncio.sleep(0.01)
    search.blocked.set()
    await adding
    assert "ask.answered" not in await w.types()


async def test_a_newer_question_cancels_the_one_before():
    search = LibrarySearch()
    w = await world(search=search)
    search.blocked = asyncio.Event()
    first = await w.live.ask(RITA, w.conversation.id, "how long does standard shipping take", "")
    await asyncio.sleep(0)
    second = await w.live.ask(RITA, w.conversation.id, "what does express shipping cost", "")
    search.blocked.set()
    await w.live.idle()
    assert first.ask_id != second.ask_id
    assert [e.data.ask_id for e in await w.events() if e.type == "ask.answered"] == [second.ask_id]


async def test_bad_questions_are_refused():
    w = await world()
    with pytest.raises(InvalidInput):
        await w.live.ask(RITA, w.conversation.id, "  ", "")
    with pytest.raises(TooLarge):
        await w.live.ask(RITA, w.conversation.id, "x" * 2000, "")
    await w.live.wrap_up(RITA, w.conversation.id)
    with pytest.raises(ConversationClosed):
        await w.live.ask(RITA, w.conversation.id, "where is it?", "")


async def test_the_answer_is_there_after_a_reconnect():
    w = await about_elena()
    answer = await asked(w, "when was it delivered?")
    assert (await w.store.snapshot("larkfield", w.conversation.id)).answer == answer
