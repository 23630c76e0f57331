"""The audit of reads: noted at once, written beside the work, and not lost when a server stops."""

import asyncio
import logging
from datetime import timedelta

import pytest

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.read_store import MemoryReadStore
from copilot.assist import read_journal
from copilot.assist.read_journal import ReadJournal
from copilot.domain.access import Principal, Role
from copilot.domain.errors import DependencyUnavailable
from copilot.domain.reads import Channel, Data
from copilot.ports.tracing import Cause, caused_by

RITA = Principal(id="usr_rita", tenant_id="larkfield", name="Rita Ray", role=Role.REPRESENTATIVE)


@pytest.fixture
def store():
    return MemoryReadStore()


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture
def journal(store, clock):
    return ReadJournal(store, clock, SequentialIds(), seconds=0)


def look(journal, *conversations, who=RITA, again=False):
    journal.note(
        who,
        Data.CONVERSATION,
        channel=Channel.API,
        route="GET /v1/conversations/{conversation_id}",
        conversation_ids=conversations,
        again=again,
    )


async def written(store, count):
    async with asyncio.timeout(20):
        while len(store.kept) < count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


async def test_a_read_says_who_what_when_and_by_which_request_and_nothing_of_its_content(
    journal, store, clock
):
    with caused_by(Cause(request_id="request-1")):
        look(journal, "conv_1")
    assert store.kept == []  # nobody waited for it
    await written(store, 1)

    (read,) = store.kept
    assert (read.actor_id, read.role, read.tenant_id) == ("usr_rita", "representative", "larkfield")
    assert (read.conversation_id, read.request_id, read.at) == ("conv_1", "request-1", clock.now())
    assert "Rita Ray" not in repr(read)


async def test_several_conversations_are_several_reads_and_none_is_one(journal, store):
    look(journal, "conv_1", "conv_2", "conv_1")
    look(journal)
    await journal.settle()

    assert [read.conversation_id for read in store.kept] == ["conv_1", "conv_2", None]


async def test_what_a_page_asks_for_over_and_over_is_noted_once_in_a_while(journal, store, clock):
    omar = RITA.model_copy(update={"id": "usr_omar"})
    for _ in range(20):
        look(journal, "conv_1", again=True)
    look(journal, "conv_1", "conv_2", again=True)
    look(journal, "conv_1", who=omar, again=True)
    clock.forward(timedelta(minutes=10))
    look(journal, "conv_1", again=True)
    look(journal, "conv_1")
    look(journal, "conv_1")
    await journal.settle()

    seen = [(read.actor_id, read.conversation_id) for read in store.kept]
    assert seen == [
        ("usr_rita", "conv_1"),
        ("usr_rita", "conv_2"),
        ("usr_omar", "conv_1"),
        *[("usr_rita", "conv_1")] * 3,
    ]


async def test_each_tenants_reads_are_written_by_themselves(journal, store):
    zoe = RITA.model_copy(update={"id": "usr_zoe", "tenant_id": "acme"})
    for number in range(3):
        look(journal, f"conv_{number}")
        look(journal, f"conv_{number}", who=zoe)
    await journal.settle()

    assert sorted(read.tenant_id for read in store.kept) == ["acme"] * 3 + ["larkfield"] * 3


async def test_a_server_that_stops_writes_what_it_has_noted(store, clock):
    journal = ReadJournal(store, clock, SequentialIds(), seconds=60)
    for number in range(2_500):
        look(journal, f"conv_{number}")
    await journal.settle()

    assert len(store.kept) == 2_500
    assert journal.waiting == 0


async def test_a_batch_under_way_when_the_server_stops_is_written_once(store, clock):
    started, go_on = asyncio.Event(), asyncio.Event()

    class SlowStore(MemoryReadStore):
        async def append(self, tenant_id, reads):
            started.set()
            await go_on.wait()
            await super().append(tenant_id, reads)

    slow = SlowStore()
    journal = ReadJournal(slow, clock, SequentialIds(), seconds=0)
    look(journal, "conv_1")
    await started.wait()
    look(journal, "conv_2")
    stopping = asyncio.create_task(journal.settle())
    await asyncio.sleep(0)
    go_on.set()
    await stopping

    assert [read.conversation_id for read in slow.kept] == ["conv_1", "conv_2"]


async def test_while_the_database_is_gone_reads_wait(journal, store, monkeypatch):
    monkeypatch.setattr(read_journal, "_AGAIN_AFTER_SECONDS", 0.001)
    store.failure = DependencyUnavailable("the database did not answer")
    look(journal, "conv_1")
    await asyncio.sleep(0.02)
    assert (store.kept, journal.waiting) == ([], 1)
    store.failure = None
    await written(store, 1)


async def test_what_cannot_be_kept_is_counted_and_said(journal, store, monkeypatch, caplog):
    monkeypatch.setattr(read_journal, "_MOST_WAITING", 2)
    store.failure = DependencyUnavailable("the database did not answer")
    for number in range(3):
        look(journal, f"conv_{number}")
    assert journal.lost == 1
    with caplog.at_level(logging.ERROR):
        await journal.settle()

    assert (journal.lost, journal.waiting) == (3, 0)
    assert "the audit of 2 reads is lost" in caplog.text


async def test_a_read_that_can_never_be_written_does_not_keep_others_waiting(journal, store):
    store.failure = ValueError("no such column")
    look(journal, "conv_1")
    await journal.settle()
    store.failure = None
    look(journal, "conv_2")
    await journal.settle()

    assert [read.conversation_id for read in store.kept] == ["conv_2"]
    assert journal.lost == 1
