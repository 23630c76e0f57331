"""What every EventBus does: numbering, staleness, snapshots, replay, and what happens to the slow."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from tests.servers.redis_buses import redis_buses

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.memory_event_bus import BusLimits, MemoryEventBus
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.domain.assist import Drafter, KnowledgeCards, Suggestion, SuggestionDelta
from copilot.domain.assist_events import RevisionDone, SnapshotEvent
from copilot.domain.conversation import Channel, Conversation, Speaker
from copilot.domain.errors import NotFound
from copilot.domain.signals import Alert, SignalKind

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TENANT, CONVERSATION = "larkfield", "conv_1"
CARDS = KnowledgeCards(answered=False, confidence=0.1)


@pytest.fixture(params=["memory", "sqlite", "postgres", "redis"])
def engine(request):
    """Where conversations are kept; `redis`: in memory, and the events in Redis."""
    return request.param


@pytest.fixture
async def store(engine, opened):
    if engine in {"memory", "redis"}:
        kept = MemoryConversationStore()
    else:
        kept = SqlConversationStore(await opened(engine))
    await kept.create(
        Conversation(id=CONVERSATION, tenant_id=TENANT, channel=Channel.CHAT, created_at=NOW, updated_at=NOW)
    )
    return kept


@pytest.fixture
async def start(engine, store, request):
    """Starts a bus as a new process would: nothing but the store is left of the one before."""
    if engine != "redis":
        yield lambda **limits: MemoryEventBus(store, FixedClock(), BusLimits(**limits))
        return
    server = request.getfixturevalue("redis")
    async with redis_buses(store, server) as made:

        def emptied(**limits):
            server.empty()
            return made(**limits)

        yield emptied


async def turn(bus, store, number):
    now = await store.append_turn(
        TENANT, CONVERSATION, turn_id=f"turn_{number}", speaker=Speaker.CUSTOMER, text="Hello", at=NOW
    )
    await bus.advance(now)
    return await bus.publish(TENANT, CONVERSATION, now.revision, now.turns[-1])


def delta(text="a", suggestion_id="sug_1"):
    return SuggestionDelta(suggestion_id=suggestion_id, drafter=Drafter.COMPOSER, text=text)


def suggestion(revision=1):
    return Suggestion(
        id="sug_1",
        conversation_id=CONVERSATION,
        revision=revision,
        drafter=Drafter.COMPOSER,
        text="aaa",
        sentences=(),
        confidence=1,
        created_at=NOW,
    )


async def publish(bus, data, revision=1):
    return await bus.publish(TENANT, CONVERSATION, revision, data)


async def take(stream, count):
    return [await asyncio.wait_for(anext(stream), 20) for _ in range(count)]


async def received(bus, after, count):
    async with aclosing(bus.subscribe(TENANT, CONVERSATION, after)) as stream:
        events = await take(stream, count)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.02)
    return events


async def test_ids_grow_by_one_and_go_on_growing_after_a_crash(start, store):
    first = start(id_block=3)
    ids = [(await turn(first, store, n)).id for n in range(5)]
    second = start(id_block=3)
    later = (await turn(second, store, 5)).id

    assert ids == [1, 2, 3, 4, 5]
    assert later > ids[-1]


async def test_events_published_at_once_have_different_ids_and_arrive_in_order(start):
    bus = start(id_block=4)
    async with aclosing(bus.subscribe(TENANT, CONVERSATION, None)) as stream:
        await take(stream, 1)
        await asyncio.gather(*(publish(bus, delta(str(n)), 0) for n in range(30)))
        ids = [event.id for event in await take(stream, 30)]

    assert ids == sorted(set(ids))


async def test_an_event_of_an_older_revision_is_dropped(start, store):
    bus = start()
    await turn(bus, store, 1)
    await turn(bus, store, 2)

    assert await publish(bus, CARDS, 1) is None
    assert (await received(bus, None, 1))[0].data.knowledge is None


async def test_a_subscriber_gets_a_snapshot_and_then_what_happens(start, store):
    bus = start()
    await turn(bus, store, 1)
    async with aclosing(bus.subscribe(TENANT, CONVERSATION, None)) as stream:
        (snapshot,) = await take(stream, 1)
        await publish(bus, CARDS)
        (event,) = await take(stream, 1)

    assert isinstance(snapshot, SnapshotEvent)
    assert [t.id for t in snapshot.data.conversation.turns] == ["turn_1"]
    assert (event.type, event.id) == ("knowledge", snapshot.id + 1)


async def test_all_subscribers_get_the_same_events(start):
    bus = start()
    streams = [bus.subscribe(TENANT, CONVERSATION, None) for _ in range(3)]
    for stream in streams:
        await take(stream, 1)
    await publish(bus, CARDS, 0)
    events = [(await take(stream, 1))[0] for stream in streams]
    for stream in streams:
        await stream.aclose()

    assert events[0] == events[1] == events[2]
    assert bus.subscriber_count == 0


async def test_a_snapshot_in_the_middle_of_a_draft_holds_the_text_so_far(start, store):
    bus = start()
    await turn(bus, store, 1)
    for text in ("It ", "is "):
        await publish(bus, delta(text))
    async with aclosing(bus.subscribe(TENANT, CONVERSATION, None)) as stream:
        (snapshot,) = await take(stream, 1)
        await publish(bus, delta("late."))
        (event,) = await take(stream, 1)
        await publish(bus, suggestion())
    (done,) = await received(bus, None, 1)

    assert [d.text for d in snapshot.data.drafts] == ["It is "]
    assert event.data.text == "late."
    assert done.data.drafts == ()
    assert done.data.suggestion == suggestion()


async def test_a_draft_goes_with_its_revision_but_knowledge_stands_until_replaced(start, store):
    bus = start()
    await turn(bus, store, 1)
    for data in (CARDS, delta(), suggestion(), delta("x", "sug_2")):
        await publish(bus, data)
    await turn(bus, store, 2)
    (snapshot,) = await received(bus, None, 1)

    assert snapshot.data.suggestion is None
    assert snapshot.data.drafts == ()
    assert snapshot.data.knowledge == CARDS


async def test_reconnecting_replays_every_missed_event_deltas_too(start, store):
    bus = start()
    seen = await turn(bus, store, 1)
    missed = [await publish(bus, data) for data in (CARDS, delta("a"), delta("b"))]

    assert await received(bus, seen.id, 3) == missed


async def test_reconnecting_without_having_missed_anything_replays_nothing(start, store):
    bus = start()
    last = await turn(bus, store, 1)

    assert await received(bus, last.id, 0) == []


async def test_events_no_longer_in_memory_come_from_the_store_without_deltas(start, store):
    bus = start(ring=2)
    seen = await turn(bus, store, 1)
    cards = await publish(bus, CARDS)
    for text in "abc":
        await publish(bus, delta(text))
    complete = await publish(bus, suggestion())
    done = await publish(bus, RevisionDone(milliseconds=12))
    await bus.save(TENANT, CONVERSATION)

    assert await received(bus, seen.id, 3) == [cards, complete, done]


async def test_events_that_are_nowhere_any_more_are_made_good_by_a_snapshot(start, store):
    bus = start(ring=2)
    seen = await turn(bus, store, 1)
    for data in (CARDS, delta("a"), delta("b"), delta("c")):
        await publish(bus, data)
    (snapshot,) = await received(bus, seen.id, 1)

    assert snapshot.type == "snapshot"
    assert snapshot.data.knowledge == CARDS
    assert [d.text for d in snapshot.data.drafts] == ["abc"]


async def test_too_many_missed_events_are_made_good_by_a_snapshot(start, store):
    bus = start(ring=2, replay_from_store=3)
    seen = await turn(bus, store, 1)
    for _ in range(8):
        await publish(bus, CARDS)
    await bus.save(TENANT, CONVERSATION)

    assert [event.type for event in await received(bus, seen.id, 1)] == ["snapshot"]


async def test_an_id_that_was_never_given_gets_a_snapshot(start, store):
    bus = start()
    await turn(bus, store, 1)

    assert [event.type for event in await received(bus, 10**9, 1)] == ["snapshot"]


async def test_after_a_restart_a_panel_goes_on_where_it_was(start, store):
    before = start()
    seen = await turn(before, store, 1)
    cards = await publish(before, CARDS)
    await before.save(TENANT, CONVERSATION)
    after = start()

    assert await received(after, seen.id, 1) == [cards]
    async with aclosing(after.subscribe(TENANT, CONVERSATION, cards.id)) as stream:
        event = await turn(after, store, 2)
        assert await take(stream, 1) == [event]


async def test_after_a_crash_before_saving_a_panel_gets_the_truth_that_is_left(start, store):
    before = start()
    await turn(before, store, 1)
    await before.save(TENANT, CONVERSATION)
    await turn(before, store, 2)
    shown = await publish(before, CARDS, 2)
    after = start()

    for seen in (1, shown.id, None):
        (snapshot,) = await received(after, seen, 1)
        assert snapshot.type == "snapshot"
        assert len(snapshot.data.conversation.turns) == 2
        assert snapshot.id >= shown.id


async def test_no_event_is_lost_or_doubled_for_subscribers_who_come_while_events_flow(start, store):
    bus = start(ring=40, id_block=7)
    await turn(bus, store, 1)
    total = 120

    async def flow():
        for n in range(total):
            await publish(bus, CARDS)
            if n % 10 == 0:
                await bus.save(TENANT, CONVERSATION)
            await asyncio.sleep(0)

    async def follow(after):
        ids = []
        async with aclosing(bus.subscribe(TENANT, CONVERSATION, after)) as stream:
            async for event in stream:
                ids.append(event.id)
                if event.id == total + 1:
                    return ids
        raise AssertionError("cut off")

    flowing = asyncio.create_task(flow())
    followers = []
    for n in range(20):
        await asyncio.sleep(0.001)
        followers.append(asyncio.create_task(follow(None if n % 2 else 1)))
    await flowing

    for ids in await asyncio.wait_for(asyncio.gather(*followers), 30):
        assert ids == list(range(ids[0], total + 2))


async def test_a_subscriber_who_falls_behind_is_cut_off_and_misses_nothing_by_reconnecting(start, store):
    bus = start(subscriber_queue=4)
    slow, quick = (bus.subscribe(TENANT, CONVERSATION, None) for _ in range(2))
    (seen,) = await take(slow, 1)
    await take(quick, 1)
    events = []
    for _ in range(6):
        events.append(await publish(bus, CARDS, 0))
        assert await take(quick, 1) == events[-1:]

    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(slow), 20)
    assert bus.cut_off_count == 1
    assert await received(bus, seen.id, 6) == events
    await quick.aclose()


async def test_idle_conversations_leave_memory_and_come_back_as_they_were(start, store):
    bus = start(live_conversations=1)
    await turn(bus, store, 1)
    await publish(bus, CARDS)
    other = Conversation(id="conv_2", tenant_id=TENANT, channel=Channel.CHAT, created_at=NOW, updated_at=NOW)
    await store.create(other)
    await bus.advance(other)

    assert bus.live_count == 1
    (snapshot,) = await received(bus, None, 1)
    assert snapshot.data.knowledge == CARDS


async def test_a_conversation_that_somebody_watches_stays_in_memory(start, store):
    bus = start(live_conversations=1)
    async with aclosing(bus.subscribe(TENANT, CONVERSATION, None)) as stream:
        await take(stream, 1)
        other = Conversation(
            id="conv_2", tenant_id=TENANT, channel=Channel.CHAT, created_at=NOW, updated_at=NOW
        )
        await store.create(other)
        await bus.advance(other)
        event = await publish(bus, CARDS, 0)
        assert await take(stream, 1) == [event]


async def test_an_unknown_conversation_or_another_tenants_is_not_found(start):
    bus = start()
    for tenant, conversation in ((TENANT, "conv_unknown"), ("other", CONVERSATION)):
        with pytest.raises(NotFound):
            await anext(bus.subscribe(tenant, conversation, None))
        with pytest.raises(NotFound):
            await bus.publish(tenant, conversation, 1, CARDS)


def alert(number, tenant_id=TENANT):
    return Alert(
        id=f"alert_{number}",
        tenant_id=tenant_id,
        conversation_id=CONVERSATION,
        revision=0,
        reason=list(SignalKind)[number],
        message="The customer asks for somebody in charge.",
        created_at=NOW,
    )


async def watched(watcher, count):
    return [(await asyncio.wait_for(anext(watcher), 20)).id for _ in range(count)]


async def test_a_supervisor_sees_the_alerts_of_every_conversation_as_they_come(start, store):
    bus = start()
    async with aclosing(bus.watch_alerts(TENANT, None)) as mine:
        coming = asyncio.create_task(anext(mine))
        await asyncio.sleep(0)
        await bus.publish(TENANT, CONVERSATION, 0, alert(0, tenant_id="other"))
        await bus.publish(TENANT, CONVERSATION, 0, alert(1))
        await bus.publish(TENANT, CONVERSATION, 0, alert(2))

        assert (await coming).id == "alert_1"
        assert await watched(mine, 1) == ["alert_2"]


async def test_after_a_break_the_missed_alerts_come_first_and_none_twice(start, store):
    bus = start()
    for number in (1, 2, 3):
        await store.add_alert(alert(number))
    async with aclosing(bus.watch_alerts(TENANT, "alert_1")) as watcher:
        assert await watched(watcher, 1) == ["alert_2"]
        await bus.publish(TENANT, CONVERSATION, 0, alert(3))
        await bus.publish(TENANT, CONVERSATION, 0, alert(4))
        assert await watched(watcher, 2) == ["alert_3", "alert_4"]


async def test_a_supervisor_who_is_too_slow_is_cut_off(start, store):
    bus = start(subscriber_queue=1)
    async with aclosing(bus.watch_alerts(TENANT, None)) as watcher:
        first = asyncio.create_task(anext(watcher))
        await asyncio.sleep(0)
        await bus.publish(TENANT, CONVERSATION, 0, alert(1))
        assert (await first).id == "alert_1"
        for number in (2, 3, 4):
            await bus.publish(TENANT, CONVERSATION, 0, alert(number))
        with pytest.raises(StopAsyncIteration):
            await anext(watcher)
    assert bus.cut_off_count == 1
