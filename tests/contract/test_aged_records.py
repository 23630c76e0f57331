"""What is old goes by kind, on both engines, and one server at a time does it."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.contract.test_personal_records import T, planted, rows_of
from tests.unit.assist.world import NOW

from copilot.adapters.sql.aged_records import SqlAgedRecords
from copilot.adapters.sql.leases import SqlLeases
from copilot.adapters.sql.tenant_scope import working_for
from copilot.domain.privacy import RetentionKind

TENANT, LATER = "larkfield", NOW + timedelta(days=40)


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request, opened):
    return await opened(request.param)


@pytest.fixture
async def aged(database):
    """Over two conversations of which one is wrapped up."""
    await planted(database, "conv_a", "cus_a")
    await planted(database, "conv_b", "cus_b")
    with working_for(TENANT):
        async with database.write() as connection:
            table = T["conversations"]
            await connection.execute(update(table).where(table.c.id == "conv_a").values(status="wrapped_up"))
    return SqlAgedRecords(database)


@pytest.mark.parametrize(
    ("kind", "theirs"), [(RetentionKind.CONVERSATIONS, "conv_a"), (RetentionKind.ABANDONED, "conv_b")]
)
async def test_conversations_are_old_when_nothing_has_happened_since(aged, kind, theirs):
    assert await aged.old_conversations(TENANT, kind, NOW) == []
    assert await aged.old_conversations(TENANT, kind, LATER) == [theirs]
    assert await aged.old_conversations(TENANT, kind, LATER, after=theirs) == []
    assert await aged.old_conversations("other", kind, LATER) == []
    assert await aged.count(TENANT, kind, LATER) == 1


@pytest.mark.parametrize(
    ("kind", "table", "left"),
    [
        (RetentionKind.EVENTS, "events", 1),  # of the one that is open
        (RetentionKind.GAPS, "knowledge_gaps", 0),
        (RetentionKind.VERIFICATION_ATTEMPTS, "verification_attempts", 0),
    ],
)
async def test_rows_of_a_kind_go_and_nothing_else(database, aged, kind, table, left):
    before = {name: len(await rows_of(database, name)) for name in T}
    assert await aged.remove(TENANT, kind, NOW) == 0
    assert await aged.remove("other", kind, LATER) == 0

    assert await aged.count(TENANT, kind, LATER) == await aged.remove(TENANT, kind, LATER) == 2 - left
    assert await aged.remove(TENANT, kind, LATER) == 0

    changed = {name for name in T if len(await rows_of(database, name)) != before[name]}
    assert changed == {table} | ({"gap_members", "gap_clusters"} if kind is RetentionKind.GAPS else set())
    assert len(await rows_of(database, table)) == left


async def test_of_revisions_the_last_stays(database, aged):
    with working_for(TENANT):
        async with database.write() as connection:
            await connection.execute(
                T["revisions"].insert().values(conversation_id="conv_a", revision=7, snapshot="{}")
            )

    assert await aged.remove(TENANT, RetentionKind.EVENTS, LATER) == 2

    rows = {(r["conversation_id"], r["revision"]) for r in await rows_of(database, "revisions")}
    assert rows == {("conv_a", 7), ("conv_b", 1)}


async def test_verdicts_stay_when_their_texts_go(database, aged):
    assert await aged.remove(TENANT, RetentionKind.FEEDBACK_TEXTS, LATER) == 2
    assert await aged.remove(TENANT, RetentionKind.FEEDBACK_TEXTS, LATER) == 0

    rows = await rows_of(database, "feedback")
    assert [(r["final_text"], r["reason"]) for r in rows] == [(None, None)] * 2
    assert all(r["verdict"] for r in rows)


async def test_a_lease_is_one_holders_until_it_is_over(database):
    leases, end = SqlLeases(database), NOW + timedelta(hours=1)
    take = leases.take
    assert await take(TENANT, "retention", "one", NOW, end)
    assert not await take(TENANT, "retention", "two", NOW, end)
    assert await take("other", "retention", "two", NOW, end)
    assert await take(TENANT, "something", "two", NOW, end)
    assert await take(TENANT, "retention", "one", NOW, end + timedelta(hours=1))
    assert not await take(TENANT, "retention", "two", end, end + timedelta(hours=1))
    assert await take(TENANT, "retention", "two", end + timedelta(hours=1), end + timedelta(hours=2))
    assert not await take(TENANT, "retention", "one", end + timedelta(hours=1), end + timedelta(hours=2))
