"""What every ledger store does."""

import asyncio
import sqlite3
from datetime import UTC, datetime

import pytest

from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.domain.actions import LedgerRecord
from copilot.tools.ledger import BrokenLedger, VerifiedLedger, verify_ledger

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def record(n=0):
    return LedgerRecord(
        kind="proposal", subject_id=f"act_{n}", body={"n": n, "text": "21 days · §3.2\x1f"}, at=AT
    )


@pytest.fixture(params=["fake", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "fake":
        yield FakeLedgerStore()
        return
    database = await opened(request.param)
    yield SqlLedgerStore(database)


async def test_entries_come_back_in_order_and_verify(store):
    written = [await store.append("larkfield", record(n)) for n in range(3)]
    assert [e async for e in store.entries("larkfield")] == written
    assert isinstance(await verify_ledger(store, "larkfield"), VerifiedLedger)


async def test_each_tenant_has_its_own_chain(store):
    await store.append("larkfield", record(1))
    other = await store.append("acme", record(2))
    assert other.sequence == 1
    assert [e.subject_id async for e in store.entries("acme")] == ["act_2"]
    assert await store.head("nobody") is None


async def test_private_fields_are_kept_as_seals_of_one_key_for_each_owner(store):
    def of(document, text):
        said = {"by": "rita"}
        private = {"reason": text, "before": None}
        return LedgerRecord(kind="knowledge.released", subject_id=document, body=said, at=AT, private=private)

    one, again, other = [
        (await store.append("larkfield", of(document, "Xanthippe complained"))).body
        for document in ("doc_1", "doc_1", "doc_2")
    ]

    assert one == again
    assert one.keys() == {"by", "reason", "before"}
    assert one["before"] is None
    assert one["reason"]["characters"] == len("Xanthippe complained")
    assert one["reason"]["hmac"] != other["reason"]["hmac"]
    assert "Xanthippe" not in str([e async for e in store.entries("larkfield")])
    assert isinstance(await verify_ledger(store, "larkfield"), VerifiedLedger)


async def test_racing_writers_make_one_chain(store):
    await asyncio.gather(*(store.append("larkfield", record(n)) for n in range(20)))
    assert (await verify_ledger(store, "larkfield")).entries == 20


@pytest.fixture
async def file(tmp_path):
    """A database file with a chain of five, closed."""
    path = tmp_path / "copilot.db"
    database = await Database.open(path)
    for n in range(5):
        await SqlLedgerStore(database).append("larkfield", record(n))
    await database.close()
    return path


async def verified(path):
    database = await Database.open(path)
    try:
        return await verify_ledger(SqlLedgerStore(database), "larkfield")
    finally:
        await database.close()


def tamper(path, statement, *values):
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER IF EXISTS ledger_no_update")
    connection.execute("DROP TRIGGER IF EXISTS ledger_no_delete")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def test_the_database_itself_refuses_to_change_an_entry(file):
    connection = sqlite3.connect(file)
    for statement in ("UPDATE ledger SET kind = 'x'", "DELETE FROM ledger"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


async def test_any_flipped_byte_of_an_entry_is_found(file):
    database = await Database.open(file)
    store = SqlLedgerStore(database)
    raw = sqlite3.connect(file, isolation_level=None)
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("DROP TRIGGER ledger_no_update")
    flips = 0
    for column in ("tenant_id", "kind", "subject_id", "body", "created_at", "previous_hash", "hash"):
        update = f"UPDATE ledger SET {column} = CAST(? AS TEXT) WHERE rowid = 3"  # noqa: S608
        (text,) = raw.execute(f"SELECT {column} FROM ledger WHERE rowid = 3").fetchone()  # noqa: S608
        written = text.encode()
        for place, byte in enumerate(written):
            for bit in (0x01, 0x20, 0x80):
                raw.execute(update, (written[:place] + bytes([byte ^ bit]) + written[place + 1 :],))
                found = await verify_ledger(store, "larkfield")
                assert isinstance(found, BrokenLedger), (column, place, bit)
                assert found.sequence == 3
                flips += 1
        raw.execute(update, (written,))
    raw.close()
    assert flips > 600
    assert isinstance(await verify_ledger(store, "larkfield"), VerifiedLedger)
    await database.close()


@pytest.mark.parametrize("sequence", [1, 3, 5])
async def test_a_dropped_row_is_found(file, sequence):
    tamper(file, "DELETE FROM ledger WHERE sequence = ?", sequence)
    assert (await verified(file)).sequence == sequence


async def test_swapped_rows_and_a_changed_head_are_found(file):
    tamper(file, "UPDATE ledger_heads SET sequence = 4")
    assert isinstance(await verified(file), BrokenLedger)
    tamper(file, "UPDATE ledger_heads SET sequence = 5")
    assert isinstance(await verified(file), VerifiedLedger)
    for old, new in ((4, 9), (5, 4), (9, 5)):
        tamper(file, "UPDATE ledger SET sequence = ? WHERE sequence = ?", new, old)
    assert isinstance(await verified(file), BrokenLedger)


async def test_pages_go_back_from_the_newest(store):
    written = [await store.append("larkfield", record(n)) for n in range(5)]
    await store.append("acme", record(9))

    newest = await store.page("larkfield", limit=2)
    rest = await store.page("larkfield", before=newest[-1].sequence, limit=9)

    assert newest + rest == list(reversed(written))
    assert await store.page("larkfield", subject_id="act_3") == [written[3]]
    assert await store.page("nobody") == []
