"""What a HelpdeskStore does, in memory and on SQLite."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.helpdesk_store import MemoryHelpdeskStore
from copilot.adapters.sql.helpdesk_store import SqlHelpdeskStore
from copilot.domain.conversation import Speaker
from copilot.domain.helpdesk import (
    Delivery,
    DeliveryStatus,
    ExternalContact,
    HelpdeskMessage,
    Note,
    NoteStatus,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "memory":
        return MemoryHelpdeskStore()
    return SqlHelpdeskStore(await opened(request.param))


def delivery(number=1, conversation=1, tenant="acme", **more):
    message = HelpdeskMessage(
        event_id=f"message:{number}",
        message_id=f"desk:message:{number}",
        position=float(number),
        speaker=Speaker.CUSTOMER,
        text="Hello",
        contact=ExternalContact(external_id=f"desk:{conversation}"),
    )
    made = {"tenant_id": tenant, "integration": "desk", "message": message}
    return Delivery(**made | {"received_at": NOW, "due_at": NOW} | more)


def note(number=1, turn="turn_1", **more):
    made = {
        "id": f"note_{number}",
        "tenant_id": "acme",
        "integration": "desk",
        "external_id": "desk:1",
        "conversation_id": "conv_1",
        "turn_id": turn,
        "mark": "sug_1",
        "text": "Suggested reply",
        "created_at": NOW + timedelta(seconds=number),
        "due_at": NOW,
    }
    return Note(**made | more)


async def test_an_event_is_taken_in_once(store):
    assert await store.take_in(delivery())
    assert not await store.take_in(delivery(received_at=NOW + timedelta(minutes=1)))
    assert await store.take_in(delivery(tenant="other"))
    assert len(await store.open_deliveries()) == 2


async def test_what_is_open_comes_in_the_order_of_its_conversation(store):
    for number, conversation in ((10, 2), (9, 1), (3, 1), (2, 2)):
        await store.take_in(delivery(number, conversation))
    found = [(d.message.contact.external_id, d.message.position) for d in await store.open_deliveries()]
    assert found == [("desk:1", 3), ("desk:1", 9), ("desk:2", 2), ("desk:2", 10)]


async def test_what_is_turned_is_open_and_what_is_done_or_failed_is_not(store):
    for number, status in enumerate(DeliveryStatus):
        await store.take_in(delivery(number))
        await store.save_delivery(delivery(number, status=status, attempts=2))
    found = await store.open_deliveries()
    assert [d.status for d in found] == [DeliveryStatus.RECEIVED, DeliveryStatus.TURNED]
    assert found[0].attempts == 2


async def test_the_last_position_is_of_what_became_a_turn(store):
    assert await store.last_position("acme", "desk:1") is None
    became = ((3, DeliveryStatus.DONE), (5, DeliveryStatus.TURNED), (9, DeliveryStatus.RECEIVED))
    for number, status in became:
        await store.take_in(delivery(number))
        await store.save_delivery(delivery(number, status=status))
    assert await store.last_position("acme", "desk:1") == 5
    assert await store.last_position("other", "desk:1") is None


async def test_settling_leaves_one_note_for_a_turn(store):
    await store.take_in(delivery())
    done = delivery(status=DeliveryStatus.DONE)
    await store.settle(done, note())
    await store.settle(done, note(2))
    await store.settle(done, note(3, turn="turn_2"))
    await store.settle(done, None)
    assert [n.id for n in await store.notes("acme", "desk:1")] == ["note_1", "note_3"]
    assert await store.notes("other", "desk:1") == []
    assert await store.open_deliveries() == []


async def test_notes_are_due_until_they_are_written_or_given_up(store):
    for number, status in enumerate(NoteStatus):
        await store.settle(delivery(), note(number, turn=f"turn_{number}"))
        await store.save_note(note(number, turn=f"turn_{number}", status=status))
    later = note(8, turn="turn_8", due_at=NOW + timedelta(minutes=5))
    await store.settle(delivery(), later)
    assert [n.status for n in await store.due_notes(NOW)] == [NoteStatus.WAITING, NoteStatus.SENDING]
    assert len(await store.due_notes(NOW + timedelta(minutes=5))) == 3


async def test_its_state_counts_what_waits_and_names_the_latest_problem(store):
    for number, status in enumerate(DeliveryStatus):
        await store.take_in(delivery(number))
        await store.save_delivery(delivery(number, status=status))
    assert (await store.state("acme", "desk")).problem == ""
    for number, status in enumerate(NoteStatus):
        await store.settle(delivery(), note(number, turn=f"turn_{number}"))
        held = note(number, turn=f"turn_{number}", status=status, problem=f"{status} problem")
        await store.save_note(held)
    found = await store.state("acme", "desk")
    assert (found.messages_waiting, found.messages_failed) == (2, 1)
    assert (found.notes_waiting, found.notes_failed) == (2, 1)
    assert found.problem == "failed problem"
    assert (await store.state("other", "desk")).messages_waiting == 0


async def test_a_link_holds_until_it_is_replaced_by_who_knows_it(store):
    assert await store.conversation_of("acme", "desk:1") is None
    assert await store.link("acme", "desk:1", "conv_1", NOW, instead_of=None) == "conv_1"
    assert await store.link("acme", "desk:1", "conv_2", NOW, instead_of=None) == "conv_1"
    assert await store.link("acme", "desk:1", "conv_2", NOW, instead_of="conv_0") == "conv_1"
    assert await store.link("acme", "desk:1", "conv_2", NOW, instead_of="conv_1") == "conv_2"
    assert await store.conversation_of("acme", "desk:1") == "conv_2"
    assert await store.conversation_of("other", "desk:1") is None
