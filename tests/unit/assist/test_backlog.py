"""More turns than can be answered in time: new ones are refused until there is room again."""

import asyncio

import pytest
from tests.unit.assist.world import RITA, LibrarySearch, world

from copilot.domain.conversation import Channel, Speaker
from copilot.domain.errors import Overloaded

ASKED = "How long does standard shipping take?"


async def waiting(w, conversations):
    """A search that hangs, and a customer's turn in each of so many conversations that waits for it."""
    w.search.blocked = asyncio.Event()
    for _ in range(conversations):
        opened = await w.live.open(RITA, Channel.CHAT)
        with w.live.room():
            await w.live.add_turn(RITA, opened.id, Speaker.CUSTOMER, ASKED)
    await asyncio.sleep(0.05)
    assert len(w.search.asked) == conversations


async def test_a_turn_is_refused_when_as_many_wait_as_may_and_taken_when_they_are_answered():
    w = await world(search=LibrarySearch(), most_waiting=2)
    await waiting(w, 2)
    with pytest.raises(Overloaded, match="2 turns and questions wait") as refused, w.live.room():
        pass
    assert refused.value.retry_after > 0

    w.search.blocked.set()
    await w.live.idle()
    with w.live.room():
        pass


async def test_a_turn_that_is_superseded_makes_room():
    w = await world(search=LibrarySearch(), most_waiting=2)
    await waiting(w, 1)
    for _ in range(3):
        await w.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, ASKED)
        await asyncio.sleep(0.01)
    with pytest.raises(Overloaded), w.live.room():
        pass
    await w.live.add_turn(RITA, w.conversation.id, Speaker.REPRESENTATIVE, "One moment, please.")
    with w.live.room():
        pass
    w.search.blocked.set()
    await w.live.idle()


async def test_a_turn_that_is_still_being_taken_waits_too():
    w = await world(search=LibrarySearch(), most_waiting=1)
    with w.live.room(), pytest.raises(Overloaded), w.live.room():
        pass


async def test_a_question_waits_at_the_same_door_as_long_as_it_searches():
    w = await world(search=LibrarySearch(), most_waiting=2)
    await waiting(w, 1)
    with w.live.room():
        await w.live.ask(RITA, w.conversation.id, ASKED)
    await asyncio.sleep(0.05)
    assert len(w.search.asked) == 2
    with pytest.raises(Overloaded), w.live.room():
        pass

    w.search.blocked.set()
    await w.live.idle()
    with w.live.room():
        pass


async def test_nothing_is_begun_ahead_while_many_wait():
    w = await world(search=LibrarySearch(), most_waiting=4)
    await waiting(w, 2)
    await w.live.typing(RITA, w.conversation.id, Speaker.CUSTOMER, "What does express shipping cost")
    await asyncio.sleep(0.2)  # longer than a pause in typing
    assert len(w.search.asked) == 2
    w.search.blocked.set()
    await w.live.idle()
