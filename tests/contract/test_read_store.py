"""What every store of the audit of reads does."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.contract.test_personal_records import planted

from copilot.adapters.fakes.read_store import MemoryReadStore
from copilot.adapters.sql.read_store import SqlReadStore
from copilot.domain.reads import Channel, Data, Read, ReadFilter

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALL = ReadFilter()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "memory":
        return MemoryReadStore()
    return SqlReadStore(await opened(request.param))


def read(number, *, tenant="larkfield", **more):
    given = {
        "actor_id": "usr_rita",
        "role": "representative",
        "channel": Channel.API,
        "data": Data.CONVERSATION,
        "route": "GET /v1/conversations/{conversation_id}",
        "conversation_id": "conv_1",
        "request_id": f"request {number}",
        "at": AT + timedelta(minutes=number),
    }
    return Read(id=f"read_{number:04}", tenant_id=tenant, **given | more)


async def test_reads_come_back_as_they_were_newest_first(store):
    reads = [read(1), read(2, conversation_id=None, data=Data.LEDGER, request_id=None), read(3)]
    await store.append("larkfield", reads[:2])
    await store.append("larkfield", reads[2:])
    await store.append("larkfield", [])

    assert await store.list_reads("larkfield", ALL) == reads[::-1]


async def test_pages_follow_each_other_also_where_times_are_the_same(store):
    reads = [read(number, at=AT) for number in range(7)]
    await store.append("larkfield", reads)
    seen, after = [], None
    while page := await store.list_reads("larkfield", ALL, after=after, limit=3):
        seen += page
        after = page[-1].id

    assert seen == reads[::-1]


async def test_they_are_found_by_conversation_person_and_time(store):
    await store.append(
        "larkfield",
        [read(1), read(2, conversation_id="conv_2"), read(3, actor_id="usr_sam"), read(4)],
    )

    async def found(**wanted):
        return [r.id[-1] for r in await store.list_reads("larkfield", ReadFilter(**wanted))]

    assert await found(conversation_id="conv_1") == ["4", "3", "1"]
    assert await found(conversation_id="conv_1", actor_id="usr_sam") == ["3"]
    assert await found(since=AT + timedelta(minutes=2), until=AT + timedelta(minutes=4)) == ["3", "2"]
    assert await found(conversation_id="conv_3") == []


async def test_another_tenants_reads_are_nobodys_business(store):
    await store.append("acme", [read(1, tenant="acme")])
    await store.append("larkfield", [read(2)])

    assert [r.id for r in await store.list_reads("larkfield", ALL)] == ["read_0002"]
    assert await store.list_reads("larkfield", ReadFilter(since=AT), after="read_0001") == []


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_reads_of_actions_and_suggestions_are_found_by_their_conversation(engine, opened):
    database = await opened(engine)
    await planted(database, "conv_a", "cus_a")
    store = SqlReadStore(database)
    await store.append(
        "larkfield",
        [
            read(1, data=Data.SUGGESTION, conversation_id=None, subject_id="sug_conv_a"),
            read(2, data=Data.ACTION, conversation_id=None, subject_id="actions_conv_a"),
            read(3, data=Data.ACTION, conversation_id=None, subject_id="act_of_nobody"),
        ],
    )

    assert [r.conversation_id for r in await store.list_reads("larkfield", ALL)] == [None, "conv_a", "conv_a"]


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_what_is_tried_again_is_there_once(engine, opened):
    store = SqlReadStore(await opened(engine))
    for _ in range(2):
        await store.append("larkfield", [read(1), read(2)])

    assert len(await store.list_reads("larkfield", ALL)) == 2


async def test_the_server_can_add_to_the_audit_and_not_change_it(opened):
    database = await opened("postgres")
    await SqlReadStore(database).append("larkfield", [read(1)])
    for statement in (
        "UPDATE data_reads SET actor_id = 'x'",
        "DELETE FROM data_reads",
        "TRUNCATE data_reads",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.write() as connection:
                await connection.execute(text(statement))
