"""Work begun while a customer types or speaks: promoted when the turn says the same, else dropped."""

import asyncio

import pytest
from tests.unit.assist.world import ELENA_ORDER, RITA, world

from copilot.assist.ahead import Ahead, same_content
from copilot.domain.assist_events import AheadOutcome
from copilot.domain.conversation import Channel, Speaker
from copilot.domain.errors import ConversationClosed, DependencyUnavailable, NotFound

QUESTION = "how long does standard shipping take?"


async def at_the_desk(**options):
    return await world(ahead=Ahead(debounce=0.01), **options)


async def typed(w, text, *, seconds=0.03):
    await w.live.typing(RITA, w.conversation.id, Speaker.CUSTOMER, text)
    await asyncio.sleep(seconds)
    await w.live.idle()


async def done(w):
    return next(e.data for e in reversed(await w.events()) if e.type == "revision.done")


async def test_what_was_prepared_while_typing_is_shown_when_the_turn_arrives():
    w = await at_the_desk()
    await typed(w, "how long does standard shipping take")
    assert [q.text for q in w.search.asked] == ["how long does standard shipping take"]
    assert await w.types() == []  # nobody has seen anything of it

    await w.customer(QUESTION)

    assert len(w.search.asked) == 1  # it was not searched again
    assert [t for t in await w.types() if t != "suggestion.delta"] == [
        "turn",
        "understanding",
        "knowledge",
        "next_actions",
        "suggestion.completed",
        "summary",
        "revision.done",
    ]
    ahead = (await done(w)).ahead
    assert ahead.outcome is AheadOutcome.PROMOTED
    assert ahead.saved_milliseconds > 0


async def test_typing_ahead_shows_the_same_as_not_typing_ahead():
    plain, ahead = await at_the_desk(), await at_the_desk()
    said = f"I want a refund for my broken lantern, order {ELENA_ORDER}, I am elena@example.com"
    await typed(ahead, said)
    await plain.customer(said)
    await ahead.customer(said)
    expected, shown = (await plain.snapshot()), (await ahead.snapshot())
    turn = shown.conversation.turns[0].id

    assert shown.knowledge == expected.knowledge
    assert shown.suggestion.text == expected.suggestion.text
    assert [a.step for a in shown.next_actions] == [a.step for a in expected.next_actions]
    assert shown.conversation.customer_id == "c_elena"
    assert {e.turn_id for e in shown.understanding.entities} == {turn}


async def test_a_turn_that_says_something_else_is_worked_on_from_the_start():
    w = await at_the_desk()
    await typed(w, "how long does standard shipping take")
    await w.customer("what does express shipping cost?")

    assert w.search.asked[-1].text == "what does express shipping cost?"
    assert "Express shipping costs" in (await w.snapshot()).suggestion.text
    assert (await done(w)).ahead.outcome is AheadOutcome.CANCELLED


async def test_only_the_last_of_many_keystrokes_is_worked_on():
    w = await at_the_desk()
    for end in range(12, len(QUESTION)):
        await w.live.typing(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION[:end])
    await typed(w, QUESTION)
    assert len(w.search.asked) == 1


async def test_a_turn_that_comes_while_its_work_is_under_way_takes_it_over():
    w = await at_the_desk()
    w.search.blocked = asyncio.Event()
    await w.live.typing(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION)
    await asyncio.sleep(0.05)
    await w.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION)
    w.search.blocked.set()
    await w.live.idle()

    assert len(w.search.asked) == 1
    assert (await w.snapshot()).knowledge.answered


async def test_nothing_is_written_and_nothing_proposed_for_words_that_were_never_sent():
    w = await at_the_desk()
    w.conversation = await w.live.open(RITA, Channel.CHAT, "", "elena@example.com", customer_verified=True)
    await typed(w, f"I want a refund for my broken order {ELENA_ORDER}")

    snapshot = await w.snapshot()
    assert (snapshot.actions, snapshot.order_view, snapshot.suggestion) == ((), None, None)
    assert w.knowledge.gaps == []
    assert "larkfield" not in w.ledger.chains
    assert await w.types() == []


async def test_a_search_that_fails_while_typing_is_tried_again_with_the_turn():
    w = await at_the_desk()
    w.search.fails = DependencyUnavailable("The index is down.")
    await typed(w, QUESTION)
    w.search.fails = None
    await w.customer(QUESTION)
    assert (await w.snapshot()).knowledge.answered


async def test_typing_in_a_conversation_that_is_closed_or_another_tenants_is_refused():
    w = await at_the_desk()
    stranger = RITA.model_copy(update={"tenant_id": "acme"})
    with pytest.raises(NotFound):
        await w.live.typing(stranger, w.conversation.id, Speaker.CUSTOMER, "Hello there, you")
    await w.live.wrap_up(RITA, w.conversation.id)
    with pytest.raises(ConversationClosed):
        await w.live.typing(RITA, w.conversation.id, Speaker.CUSTOMER, "Hello there, you")


# ---------------------------------------------------------------- voice


async def heard(w, text, utterance="u1", speaker=Speaker.CUSTOMER):
    return await w.live.hear(RITA, w.conversation.id, speaker, text, utterance)


async def test_partial_results_replace_each_other_and_end_in_one_turn():
    w = await at_the_desk()
    await heard(w, "how long")
    await heard(w, "how long does standard")
    assert [p.text for p in (await w.snapshot()).partials] == ["how long does standard"]

    said = await w.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION, utterance_id="u1")
    await w.live.idle()

    events = await w.events()
    partials = [e for e in events if e.type == "turn.partial"]
    assert [p.data.turn_id for p in partials] == [said.id, said.id]
    assert [t.text for t in (await w.snapshot()).conversation.turns] == [QUESTION]
    assert (await w.snapshot()).partials == ()
    assert [e.id for e in events] == sorted(e.id for e in events)


async def test_work_begins_while_the_customer_is_still_speaking():
    w = await at_the_desk()
    await heard(w, "how long does standard shipping take")
    await asyncio.sleep(0.03)
    await w.live.idle()
    await w.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION, utterance_id="u1")
    await w.live.idle()
    assert len(w.search.asked) == 1
    assert (await done(w)).ahead.outcome is AheadOutcome.PROMOTED


async def test_a_partial_result_that_comes_late_shows_nothing():
    w = await at_the_desk()
    await w.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION, utterance_id="u1")
    await w.live.idle()
    await heard(w, "how long does")
    assert "turn.partial" not in await w.types()
    assert (await w.snapshot()).partials == ()


async def test_two_people_speaking_at_once_are_kept_apart():
    w = await at_the_desk()
    await heard(w, "how long does", "u1")
    await heard(w, "let me look", "u2", Speaker.REPRESENTATIVE)
    assert [(p.speaker, p.text) for p in (await w.snapshot()).partials] == [
        (Speaker.CUSTOMER, "how long does"),
        (Speaker.REPRESENTATIVE, "let me look"),
    ]


async def test_an_utterance_that_is_sent_twice_is_one_turn_with_one_answer():
    w = await at_the_desk()
    first = await w.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION, utterance_id="u1")
    again = await w.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION, utterance_id="u1")
    await w.live.idle()
    assert first == again
    assert (await w.types()).count("turn") == 1


async def test_a_turn_kept_by_a_process_that_died_is_worked_on_when_it_is_sent_again():
    w = await at_the_desk()
    sent = {"request": "a-key-of-the-caller"}
    w.search.blocked = asyncio.Event()
    first = await w.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION, **sent)
    await w.live.shutdown()
    restarted = await at_the_desk(store=w.store)

    again = await restarted.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, QUESTION, **sent)
    await restarted.live.idle()

    restarted.conversation = w.conversation
    assert again == first
    snapshot = await restarted.snapshot()
    assert len(snapshot.conversation.turns) == 1
    assert "3 to 5 business days" in snapshot.suggestion.text


@pytest.mark.parametrize(
    ("typed", "said", "same"),
    [
        ("where is my order LF-1004820", "Where is my order LF-1004820?", True),
        ("cancel it", "ok, cancel it please", True),
        ("cancel it", "don't cancel it", False),
        ("is it $5.00", "is it $500", False),
        ("where is my", "where is my order", False),
        ("", "", False),
    ],
)
def test_only_courtesies_and_punctuation_may_differ(typed, said, same):
    assert same_content(typed, said) is same
