"""Buses of several servers on one Redis: one order for all, and what happens while Redis is away."""

import asyncio
import random
from contextlib import aclosing

import pytest
from tests.contract.test_event_bus import (
    CARDS,
    CONVERSATION,
    NOW,
    TENANT,
    alert,
    delta,
    publish,
    suggestion,
    take,
    turn,
    watched,
)
from tests.servers.redis import running_redis
from tests.servers.redis_buses import redis_buses

from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.domain.assist import KnowledgeCards
from copilot.domain.conversation import Channel, Conversation

PATIENCE_SECONDS = 30


@pytest.fixture
async def store():
    kept = MemoryConversationStore()
    await kept.create(
        Conversation(id=CONVERSATION, tenant_id=TENANT, channel=Channel.CHAT, created_at=NOW, updated_at=NOW)
    )
    return kept


@pytest.fixture
async def start(store, redis):
    redis.empty()
    async with redis_buses(store, redis) as made:
        yield made


def watching(bus, after=None):
    return aclosing(bus.subscribe(TENANT, CONVERSATION, after))


def cards(number):
    return KnowledgeCards(answered=False, confidence=number / 1_000)


async def test_what_one_server_shows_is_watched_on_another(start, store):
    one, other = start(), start()
    async with watching(other) as stream:
        await take(stream, 1)
        shown = [await turn(one, store, 1), await publish(one, CARDS), await publish(one, delta())]
        assert await take(stream, 3) == shown

    assert (await other.conversation(TENANT, CONVERSATION)).turns[0].id == "turn_1"


async def test_a_panel_reconnects_to_another_server_and_misses_nothing(start, store):
    one, other = start(), start()
    seen = await turn(one, store, 1)
    missed = [await publish(one, data) for data in (CARDS, delta("a"), delta("b"))]
    await one.save(TENANT, CONVERSATION)
    missed.append(await publish(one, suggestion()))

    for bus in (other, start()):
        async with watching(bus, seen.id) as stream:
            assert await take(stream, 4) == missed


async def test_a_snapshot_holds_a_draft_once_however_it_came_to_be_known(start, store):
    one = start()
    await turn(one, store, 1)
    await publish(one, delta("It "))
    await one.save(TENANT, CONVERSATION)
    await publish(one, delta("is "))

    async with watching(start()) as stream:
        (snapshot,) = await take(stream, 1)
        await publish(one, delta("late."))
        (event,) = await take(stream, 1)
    assert ([d.text for d in snapshot.data.drafts], event.data.text) == (["It is "], "late.")


async def test_a_turn_taken_by_one_server_makes_the_work_of_another_stale(start, store):
    one, other = start(), start()
    await turn(one, store, 1)
    await publish(other, CARDS, 1)
    await turn(other, store, 2)

    assert await publish(one, CARDS, 1) is None
    assert (await publish(one, CARDS, 2)) is not None


async def test_everybody_sees_the_same_events_in_the_same_order(start, store):
    buses = [start(id_block=7) for _ in range(3)]
    await turn(buses[0], store, 1)
    total = 60

    async def follow(bus):
        async with watching(bus) as stream:
            await take(stream, 1)
            ready.release()
            return [(e.id, e.data.confidence) for e in await take(stream, total)]

    ready = asyncio.Semaphore(0)
    followers = [asyncio.create_task(follow(bus)) for bus in buses for _ in range(2)]
    for _ in followers:
        await ready.acquire()

    jitter = random.Random(7)  # noqa: S311 - only to mix them

    async def write(bus, numbers):
        for number in numbers:
            await publish(bus, cards(number))
            await asyncio.sleep(jitter.random() / 500)

    await asyncio.gather(*(write(bus, range(n, total, 3)) for n, bus in enumerate(buses)))
    seen = await asyncio.gather(*followers)

    assert all(each == seen[0] for each in seen)
    assert len({confidence for _, confidence in seen[0]}) == total
    assert [number for number, _ in seen[0]] == sorted({number for number, _ in seen[0]})


async def test_alerts_reach_supervisors_on_every_server_once(start, store):
    one, other = start(), start()
    async with (
        aclosing(one.watch_alerts(TENANT, None)) as here,
        aclosing(other.watch_alerts(TENANT, None)) as there,
    ):
        coming = [asyncio.create_task(anext(watcher)) for watcher in (here, there)]
        await asyncio.sleep(0.05)
        await publish(one, alert(1), 0)
        assert [(await c).id for c in coming] == ["alert_1", "alert_1"]
        await publish(other, alert(2), 0)
        assert await watched(here, 1) == await watched(there, 1) == ["alert_2"]


async def test_a_server_that_fell_far_behind_begins_anew_from_the_store(start, store):
    one, other = start(ring=3), start(ring=3)
    await turn(one, store, 1)
    await other.conversation(TENANT, CONVERSATION)
    for number in range(10):
        await publish(one, cards(number))
    await turn(one, store, 2)
    await one.save(TENANT, CONVERSATION)

    async with watching(other) as stream:
        (snapshot,) = await take(stream, 1)
    assert snapshot.data.knowledge == cards(9)
    assert len(snapshot.data.conversation.turns) == 2


async def test_without_redis_a_server_goes_on_alone_and_says_so_and_afterwards_all_agree(store):
    with running_redis() as redis:
        async with redis_buses(store, redis) as made:
            one, other = made(), made()
            before = await turn(one, store, 1)
            async with watching(one) as here, watching(other) as there:
                await take(here, 1)
                await take(there, 1)
                redis.kill()

                later = await turn(one, store, 2)
                shown = await publish(one, cards(7), 2)
                events = await take(here, 3)
                assert [e.type for e in events] == ["degraded", "turn", "knowledge"]
                assert "until Redis is back" in events[0].data.message
                assert events[1:] == [later, shown]
                assert before.id < events[0].id < later.id < shown.id
                # Whoever asks elsewhere is told the truth of the store, though not what was shown.
                assert (await other.conversation(TENANT, CONVERSATION)).revision == 2
                assert not one.connected
                assert not other.connected

                redis.start()
                snapshot = await asyncio.wait_for(first_of_revision(there, 2), PATIENCE_SECONDS)
                assert snapshot.data.knowledge == cards(7)
                await connected(one, other)
                after = await publish(other, cards(8), 2)
                assert await next_knowledge(here) == await next_knowledge(there) == after
                assert after.id > shown.id


async def first_of_revision(stream, revision):
    async for event in stream:
        if event.type == "snapshot" and event.revision == revision and event.data.knowledge is not None:
            return event
    raise AssertionError("the stream ended")


async def connected(*buses):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(bus.connected for bus in buses):  # noqa: ASYNC110 - a server's own business
            await asyncio.sleep(0.02)


async def next_knowledge(stream):
    while True:
        event = await asyncio.wait_for(anext(stream), PATIENCE_SECONDS)
        if event.type == "knowledge":
            return event


async def test_a_conversation_begun_alone_in_the_moment_of_redis_return_is_shared_with_its_next_event(store):
    with running_redis() as redis:
        async with redis_buses(store, redis) as made:
            one, other = made(), made()
            await connected(one, other)
            redis.kill()
            await turn(one, store, 1)
            await one.stop()  # so that nobody else tells the others of it
            redis.start()
            one._down = False
            shown = await asyncio.wait_for(publish(one, CARDS), PATIENCE_SECONDS)

            await connected(other)
            async with watching(other) as stream:
                (snapshot,) = await take(stream, 1)
    assert snapshot.id == shown.id
    assert snapshot.data.knowledge == CARDS


async def test_a_server_may_start_while_redis_is_away(store):
    with running_redis() as redis:
        redis.kill()
        async with redis_buses(store, redis) as made:
            bus = made()
            assert (await turn(bus, store, 1)).id > 0
            redis.start()
            await connected(bus)
            other = made()
            async with watching(other) as stream:
                (snapshot,) = await take(stream, 1)
            assert len(snapshot.data.conversation.turns) == 1
