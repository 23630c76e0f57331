"""Conversations that nobody watches leave memory after a while, and come back from SQL when they go on."""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.memory_event_bus import BusLimits, MemoryEventBus
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.domain.assist import KnowledgeCards
from copilot.domain.assist_events import SnapshotEvent
from copilot.domain.conversation import Channel, Conversation, Speaker

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TENANT = "larkfield"
CARDS = KnowledgeCards(answered=False, confidence=0.1)


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request, opened):
    return SqlConversationStore(await opened(request.param))


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture
def bus(store, clock):
    return MemoryEventBus(store, clock, BusLimits(idle_seconds=60))


async def opens(store, bus, name):
    conversation = Conversation(
        id=name, tenant_id=TENANT, channel=Channel.CHAT, created_at=NOW, updated_at=NOW
    )
    await store.create(conversation)
    await bus.advance(conversation)


async def says(store, bus, name, number):
    """A turn and its cards, kept as the work for a turn keeps them."""
    grown = await store.append_turn(
        TENANT, name, turn_id=f"turn_{name}_{number}", speaker=Speaker.CUSTOMER, text="Hello", at=NOW
    )
    await bus.advance(grown)
    told = await bus.publish(TENANT, name, grown.revision, grown.turns[-1])
    await bus.publish(TENANT, name, grown.revision, CARDS)
    await bus.save(TENANT, name)
    return told


async def test_a_conversation_that_was_idle_goes_on_where_it_was(store, bus, clock):
    await opens(store, bus, "conv_1")
    first = await says(store, bus, "conv_1", 1)
    clock.forward(timedelta(seconds=61))
    await opens(store, bus, "conv_2")
    assert bus.live_count == 1

    second = await says(store, bus, "conv_1", 2)
    assert second.id > first.id
    async with aclosing(bus.subscribe(TENANT, "conv_1", first.id)) as stream:
        missed = [await anext(stream) for _ in range(3)]
    assert [event.type for event in missed] == ["knowledge", "turn", "knowledge"]
    async with aclosing(bus.subscribe(TENANT, "conv_1", None)) as stream:
        snapshot = await anext(stream)
    assert isinstance(snapshot, SnapshotEvent)
    assert snapshot.data.knowledge == CARDS
    assert len(snapshot.data.conversation.turns) == 2


async def test_events_of_turns_long_ago_come_from_sql_in_their_order(store, bus):
    await opens(store, bus, "conv_1")
    told = [await says(store, bus, "conv_1", number) for number in range(6)]
    async with aclosing(bus.subscribe(TENANT, "conv_1", told[0].id)) as stream:
        missed = [await anext(stream) for _ in range(11)]
        assert [event.id for event in missed] == list(range(told[0].id + 1, told[0].id + 12))
        assert missed[1::2] == told[1:]
        assert await says(store, bus, "conv_1", 6) == await anext(stream)
    assert bus.event_count <= 4


async def test_finished_conversations_do_not_pile_up(store, bus, clock):
    for number in range(40):
        await opens(store, bus, f"conv_{number}")
        await says(store, bus, f"conv_{number}", 1)
        clock.forward(timedelta(seconds=10))
    assert bus.live_count < 10


async def test_what_is_watched_or_not_yet_kept_stays(store, bus, clock):
    await opens(store, bus, "conv_watched")
    await says(store, bus, "conv_watched", 1)
    await opens(store, bus, "conv_unsaved")  # nothing has kept it yet
    async with aclosing(bus.subscribe(TENANT, "conv_watched", None)) as stream:
        await anext(stream)
        clock.forward(timedelta(seconds=61))
        await opens(store, bus, "conv_new")
        assert bus.live_count == 3
        event = await says(store, bus, "conv_watched", 2)
        assert await anext(stream) == event
