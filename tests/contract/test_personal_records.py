"""Erasure on both engines: all of a customer goes, nothing of anybody else, and a search finds the rest."""

import json

import numpy as np
import pytest
from sqlalchemy import LargeBinary, insert, select
from tests.unit.assist.world import NOW

from copilot.adapters.sql import schema
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.gap_store import SqlGapStore
from copilot.adapters.sql.idempotency_store import SqlIdempotencyStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.opening import knowledge_store
from copilot.adapters.sql.personal_records import ERASED, KEPT, SqlPersonalRecords
from copilot.adapters.sql.tenant_scope import working_for
from copilot.domain.actions import LedgerRecord
from copilot.domain.care import GapCluster
from copilot.domain.conversation import Channel, Conversation, Speaker
from copilot.domain.errors import Conflict
from copilot.domain.knowledge import KnowledgeGap
from copilot.domain.ledger import seal
from copilot.ports import GapCentre, GapMember
from copilot.tools.ledger import VerifiedLedger, verify_ledger

TENANT, PLANTED = "larkfield", "xanthippe@example.com"
T = schema.metadata.tables


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request, opened):
    return await opened(request.param)


@pytest.fixture
def records(database):
    return SqlPersonalRecords(database)


def made_up(table, **known):
    """A row with `PLANTED` in every text that nothing else is known of."""
    values = {}
    for column in table.columns:
        if column.name in known:
            values[column.name] = known[column.name]
        elif isinstance(column.type, LargeBinary):
            values[column.name] = f"{known['conversation_id']} {PLANTED}".encode()
        elif column.type.python_type is str:
            what = f"{table.name} {column.name} {known['conversation_id']} {PLANTED}"
            values[column.name] = json.dumps({"text": what})
        elif column.type.python_type in (int, float):
            values[column.name] = 1
        elif column.type.python_type is bool:
            values[column.name] = True
        else:
            values[column.name] = NOW
    return values


async def planted(database, conversation_id, customer_id, *, action="succeeded"):
    """A row of the conversation in every table that erasure speaks of."""
    store = SqlConversationStore(database)
    await store.create(
        Conversation(
            id=conversation_id, tenant_id=TENANT, channel=Channel.CHAT, created_at=NOW, updated_at=NOW
        )
    )
    said = {"turn_id": f"turn_{conversation_id}", "speaker": Speaker.CUSTOMER, "text": f"I am {PLANTED}"}
    await store.append_turn(TENANT, conversation_id, at=NOW, **said)
    await store.set_customer(TENANT, conversation_id, customer_id, NOW)
    shared = {
        "tenant_id": TENANT,
        "conversation_id": conversation_id,
        "customer_id": customer_id,
        "suggestion_id": f"sug_{conversation_id}",
        "external_id": f"ticket_{conversation_id}",
        "gap_id": f"gap_{conversation_id}",
        "cluster_id": f"cluster_{conversation_id}",
        "status": action,
        "owner_id": conversation_id,
        "path": f"/v1/conversations/{conversation_id}/ask",
    }
    ids = {"suggestions": "sug", "knowledge_gaps": "gap", "gap_clusters": "cluster"}
    rows = []
    for name in sorted(ERASED - {"conversations", "turns"}):
        known = dict(shared)
        if "id" in T[name].c and T[name].c.id.type.python_type is str:
            known["id"] = f"{ids.get(name, name)}_{conversation_id}"
        if name == "idempotent_requests":
            known["status"] = 200
        rows.append((T[name], made_up(T[name], **known)))
    rows.sort(key=lambda row: list(schema.metadata.sorted_tables).index(row[0]))
    with working_for(TENANT):
        async with database.write() as connection:
            for table, values in rows:
                await connection.execute(
                    insert(table).values({c: v for c, v in values.items() if c in table.c})
                )


async def rows_of(database, name):
    with working_for(TENANT):
        async with database.read() as connection:
            return [dict(row._mapping) for row in await connection.execute(select(T[name]))]


def test_every_table_is_erased_or_says_why_not():
    assert set(T) == ERASED | set(KEPT)
    assert not ERASED & set(KEPT)


async def test_everything_of_a_customer_goes_and_nothing_of_anybody_else(database, records):
    await planted(database, "conv_a", "cus_a")
    await planted(database, "conv_b", "cus_b")
    assert await records.conversations_of(TENANT, "cus_a") == ["conv_a"]
    assert await records.conversations_of(TENANT, "nobody", [PLANTED.upper()]) == ["conv_a", "conv_b"]
    assert set(await records.traces(TENANT, ["conv_a"])) >= {"turns", "events", "actions", "knowledge_gaps"}

    removed = await records.erase(TENANT, "conv_a")

    assert set(removed) == set(ERASED)
    assert await records.traces(TENANT, ["conv_a"]) == {}
    for name in ERASED:
        assert len(await rows_of(database, name)) == 1, name
    assert PLANTED in json.dumps(await records.export(TENANT, "conv_b"), default=str)
    await records.erase(TENANT, "conv_b")
    assert await records.traces(TENANT, [PLANTED]) == {}
    assert await records.erase(TENANT, "conv_b") == {}


async def test_the_ledger_keeps_seals_whose_key_goes_with_the_conversation(database, records):
    await planted(database, "conv_a", "cus_a")
    ledger = SqlLedgerStore(database)
    said = LedgerRecord(
        kind="edit",
        subject_id="sug_conv_a",
        body={"verdict": "edited"},
        at=NOW,
        conversation_id="conv_a",
        private={"text": f"Dear {PLANTED}"},
    )
    before = await ledger.append(TENANT, said)
    assert before.body["text"] == seal(f"Dear {PLANTED}", (await rows_of(database, "ledger_keys"))[0]["key"])

    await records.erase(TENANT, "conv_a")
    after = await ledger.append(TENANT, said)

    assert await rows_of(database, "ledger_keys") == []
    assert after.body["text"] != before.body["text"]  # of a key that nobody has
    assert await records.traces(TENANT, [PLANTED]) == {}
    assert isinstance(await verify_ledger(ledger, TENANT), VerifiedLedger)


async def test_old_entries_that_hold_text_are_named(database, records):
    await planted(database, "conv_a", "cus_a")
    ledger = SqlLedgerStore(database)
    for subject, body in (
        ("sug_conv_a", {"text": f"Dear {PLANTED}", "reason": None}),
        ("sug_conv_a", {"text": None, "reason": None}),
        ("sug_other", {"text": "Dear sir", "reason": "shorter"}),
    ):
        await ledger.append(TENANT, LedgerRecord(kind="edit", subject_id=subject, body=body, at=NOW))

    (found,) = await records.open_entries(TENANT, ["conv_a"])

    assert (found.entry, found.kind, found.fields) == (1, "edit", ("text",))


async def test_a_remembered_answer_goes_by_the_address_it_was_given_at(database, records):
    await planted(database, "conv_a", "cus_a")
    store = SqlIdempotencyStore(database)
    for key, path in (
        ("macro", "/v1/conversations/conv_a/macros/m/fill"),
        ("feedback", "/v1/suggestions/sug_conv_a/feedback"),
        ("other", "/v1/conversations/conv_ab/macros/m/fill"),
    ):
        await store.begin(TENANT, key, "print", NOW, path=path)
        await store.finish(TENANT, key, 200, f"Dear {PLANTED}".encode())
    assert (await records.traces(TENANT, [PLANTED]))["idempotent_requests"] == 4

    await records.erase(TENANT, "conv_a")

    assert [row["key"] for row in await rows_of(database, "idempotent_requests")] == ["other"]


async def test_a_gap_that_others_raised_too_is_not_called_by_the_customers_words(database, records):
    gaps = SqlGapStore(database)
    knowledge = knowledge_store(database)
    await planted(database, "conv_a", "cus_a")
    await planted(database, "conv_b", "cus_b")
    asked = {}
    for number, name in enumerate(("conv_a", "conv_b")):
        asked[name] = KnowledgeGap(
            id=f"gap_{number}",
            tenant_id=TENANT,
            question=f"lantern? {name}",
            asked_at=NOW,
            conversation_id=name,
        )
        await knowledge.record_gap(asked[name])
    vector = np.ones(2, dtype=np.float32)
    cluster = GapCluster(
        id="cluster", tenant_id=TENANT, question=asked["conv_a"].question, count=2, first_asked_at=NOW,
        last_asked_at=NOW,
    )  # fmt: skip
    members = [GapMember(gap, vector) for gap in asked.values()]
    await gaps.put(cluster, GapCentre("cluster", "model", vector, 2), members)

    await records.erase(TENANT, "conv_a")

    assert (await gaps.get(TENANT, "cluster")).question == "lantern? conv_b"


async def test_another_tenants_conversation_is_not_there(database, records):
    await planted(database, "conv_a", "cus_a")

    assert await records.conversations_of("other", "cus_a", [PLANTED]) == []
    assert await records.erase("other", "conv_a") == {}
    assert await records.export("other", "conv_a") == {}
    assert len(await rows_of(database, "turns")) == 1


async def test_a_proposal_that_nobody_approved_goes_too(database, records):
    await planted(database, "conv_a", "cus_a", action="proposed")

    assert (await records.erase(TENANT, "conv_a"))["actions"] == 1


async def test_money_under_way_is_not_pulled_from_under_anybody(database, records):
    await planted(database, "conv_a", "cus_a", action="executing")

    with pytest.raises(Conflict, match="still under way"):
        await records.erase(TENANT, "conv_a")
    assert len(await rows_of(database, "turns")) == 1
