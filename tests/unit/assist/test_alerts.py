"""Supervisors are told of a conversation that goes wrong, once for each reason."""

import asyncio
from datetime import timedelta

from tests.unit.assist.world import NOW, RITA, world

from copilot.assist.revision import Memory
from copilot.domain.conversation import Speaker
from copilot.domain.signals import SignalKind


async def alerts(a):
    return [event.data for event in await a.events() if event.type == "alert"]


async def test_a_threat_is_told_once_with_the_turn_that_shows_it():
    a = await world()

    first = await a.customer("Refund me or you will hear from my lawyer.")
    await a.customer("I mean it, my lawyer is waiting.")

    (alert,) = await alerts(a)
    assert (alert.reason, alert.turn_ids) == (SignalKind.LEGAL_THREAT, (first.id,))
    assert await a.store.list_alerts("larkfield") == [alert]
    assert (await a.snapshot()).alerts == (alert,)


async def test_another_reason_is_another_alert():
    a = await world()

    await a.customer("You will hear from my lawyer.")
    await a.customer("And get me your manager.")

    assert [x.reason for x in await alerts(a)] == [SignalKind.LEGAL_THREAT, SignalKind.SUPERVISOR_ASKED]


async def test_what_was_told_outlives_a_restart():
    a = await world()
    await a.customer("You will hear from my lawyer.")

    memory = Memory.of(await a.store.snapshot("larkfield", a.conversation.id))

    assert memory.alerted == {SignalKind.LEGAL_THREAT}


async def test_a_calm_conversation_raises_nothing():
    a = await world()
    await a.customer("Where is my order LF-1004829?")
    assert await alerts(a) == []


async def test_a_customer_who_keeps_coming_back_is_told_of():
    a = await world()
    for number in (1, 2):
        earlier = a.conversation.model_copy(
            update={
                "id": f"conv_0000000{number}",
                "customer_id": "cust_1",
                "created_at": NOW - timedelta(days=number),
            }
        )
        await a.store.create(earlier)
    await a.store.set_customer("larkfield", a.conversation.id, "cust_1", NOW)

    await a.customer("Where is my order?")

    (alert,) = await alerts(a)
    assert alert.reason is SignalKind.REPEATED_CONTACT
    assert "2 times" in alert.message


async def test_understanding_carries_mood_promises_and_signals():
    a = await world()
    await a.representative("I'll call you back tomorrow.")
    await a.customer("You said you would call me on Tuesday, nobody called. It is urgent!")

    understanding = (await a.snapshot()).understanding
    assert [p.text for p in understanding.promises] == [
        "I'll call you back tomorrow.",
        "You said you would call me on Tuesday, nobody called.",
    ]
    assert {s.kind for s in understanding.signals} >= {SignalKind.URGENCY, SignalKind.BROKEN_PROMISE}


async def test_what_is_only_typed_raises_nothing_and_once_said_names_the_turn():
    a = await world()
    text = "Refund order LF-1004829 or you will hear from my lawyer."
    await a.live.typing(RITA, a.conversation.id, Speaker.CUSTOMER, text)
    await asyncio.sleep(0.3)
    await a.live.idle()
    assert await a.store.list_alerts("larkfield") == []

    said = await a.customer(text)

    (alert,) = await alerts(a)
    assert alert.turn_ids == (said.id,)
    done = [event.data for event in await a.events() if event.type == "revision.done"]
    assert done[-1].ahead is not None
