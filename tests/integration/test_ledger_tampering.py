"""Whoever can write to the file cannot change the ledger unseen: every byte of every row, and every order."""

import os
import sqlite3
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest
from tests.unit.tools.desk import GOODWILL, LARGE, RITA, SAM, desk

from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.domain.errors import PolicyDenied
from copilot.tools.ledger import BrokenLedger, verify_ledger

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ("tenant_id", "kind", "subject_id", "body", "created_at", "previous_hash", "hash")
COLUMNS = f"rowid, sequence, {', '.join(TEXTS)}"


@pytest.fixture
async def file(tmp_path):
    """The ledger of a refund that two people approved, one that was rejected and one that policy denied."""
    database = await Database.open(tmp_path / "copilot.db")
    ledger = SqlLedgerStore(database)
    d = desk(store=SqlActionStore(database), ledger=ledger)
    large = await d.propose(LARGE)
    await d.approvals.approve(RITA, large.id, large.digest)
    approved = await d.approvals.approve(SAM, large.id, large.digest)
    await d.executor.execute(approved)
    await d.approvals.reject(RITA, (await d.propose()).id, "not today")
    with pytest.raises(PolicyDenied):
        await d.propose(GOODWILL | {"reason": "lost_parcel"})
    await database.close()
    return tmp_path / "copilot.db"


@pytest.fixture
async def tampered(file):
    """(raw connection without the triggers, function that verifies)."""
    database = await Database.open(file)
    store = SqlLedgerStore(database)
    raw = sqlite3.connect(file, isolation_level=None)
    for statement in (
        "PRAGMA synchronous = OFF",
        "DROP TRIGGER ledger_no_update",
        "DROP TRIGGER ledger_no_delete",
    ):
        raw.execute(statement)

    async def broken():
        return isinstance(await verify_ledger(store, "larkfield"), BrokenLedger)

    yield raw, broken
    raw.close()
    assert not await broken(), "each test puts back what it changed"
    await database.close()


async def test_every_flipped_byte_of_every_row_is_found(tampered):
    raw, broken = tampered
    flips = 0
    for table, columns in (("ledger", TEXTS), ("ledger_heads", ("tenant_id", "hash"))):
        for (row,) in raw.execute(f"SELECT rowid FROM {table}").fetchall():  # noqa: S608
            for column in columns:
                update = f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE rowid = {row}"  # noqa: S608
                query = f"SELECT {column} FROM {table} WHERE rowid = {row}"  # noqa: S608
                written = raw.execute(query).fetchone()[0].encode()
                for place, byte in enumerate(written):
                    bit = 1 << (place % 8)
                    raw.execute(update, (written[:place] + bytes([byte ^ bit]) + written[place + 1 :],))
                    assert await broken(), (table, row, column, place)
                    flips += 1
                raw.execute(update, (written,))
    assert flips > 3000


async def test_every_other_number_of_a_row_is_found(tampered):
    raw, broken = tampered
    (count,) = raw.execute("SELECT COUNT(*) FROM ledger").fetchone()
    for sequence in range(1, count + 1):
        for other in (-1, 0, sequence + 0.5, count + 1, 2**40):
            raw.execute("UPDATE ledger SET sequence = ? WHERE sequence = ?", (other, sequence))
            assert await broken(), (sequence, other)
            raw.execute("UPDATE ledger SET sequence = ? WHERE sequence = ?", (sequence, other))
    for other in (-1, 0, count - 1, count + 1):
        raw.execute("UPDATE ledger_heads SET sequence = ?", (other,))
        assert await broken(), other
        raw.execute("UPDATE ledger_heads SET sequence = ?", (count,))


def rows_of(raw):
    return raw.execute(f"SELECT {COLUMNS} FROM ledger ORDER BY sequence").fetchall()  # noqa: S608


def write(raw, rows):
    raw.execute("DELETE FROM ledger")
    marks = ", ".join("?" * (len(TEXTS) + 2))
    raw.executemany(f"INSERT INTO ledger ({COLUMNS}) VALUES ({marks})", rows)  # noqa: S608


async def test_every_dropped_run_of_rows_is_found_the_last_ones_too(tampered):
    raw, broken = tampered
    rows = rows_of(raw)
    for first in range(len(rows)):
        for last in range(first + 1, len(rows) + 1):
            write(raw, rows[:first] + rows[last:])
            assert await broken(), (first, last)
            renumbered = [(n, n, *row[2:]) for n, row in enumerate(rows[:first] + rows[last:], start=1)]
            write(raw, renumbered)
            assert await broken(), (first, last, "renumbered")
    write(raw, rows)


async def test_every_other_order_of_the_first_rows_is_found(tampered):
    raw, broken = tampered
    rows = rows_of(raw)
    for order in permutations(range(4)):
        mixed = [(n + 1, n + 1, *rows[place][2:]) for n, place in enumerate(order)]
        write(raw, mixed + rows[4:])
        assert await broken() is (order != (0, 1, 2, 3)), order
    write(raw, rows)


async def test_every_repeated_row_is_found(tampered):
    raw, broken = tampered
    rows = rows_of(raw)
    for place in range(len(rows)):
        repeated = rows[: place + 1] + rows[place:]
        write(raw, [(n, n, *row[2:]) for n, row in enumerate(repeated, start=1)])
        assert await broken(), place
    write(raw, rows)


async def test_a_missing_or_a_foreign_head_is_found(tampered):
    raw, broken = tampered
    head = raw.execute("SELECT tenant_id, sequence, hash FROM ledger_heads").fetchone()
    raw.execute("DELETE FROM ledger_heads")
    assert await broken()
    raw.execute("INSERT INTO ledger_heads VALUES ('acme', ?, ?)", head[1:])
    assert await broken()
    raw.execute("DELETE FROM ledger_heads")
    raw.execute("INSERT INTO ledger_heads VALUES (?, ?, ?)", head)


async def test_the_command_says_which_entry_and_ends_with_1(file):
    def verify():
        environment = {
            **os.environ,
            "COPILOT_DATA_DIR": str(file.parent),
            "PYTHONPATH": str(ROOT / "src"),
        }
        main = "from copilot.cli.app import main; main()"
        command = [sys.executable, "-c", main, "ledger", "verify"]
        return subprocess.run(  # noqa: S603 - our own module
            command, env=environment, capture_output=True, text=True, check=False
        )

    whole = verify()
    assert whole.returncode == 0, whole.stderr
    assert "holds: 8 entries" in whole.stdout
    raw = sqlite3.connect(file)
    raw.execute("DROP TRIGGER ledger_no_update")
    raw.execute("UPDATE ledger SET kind = 'approvaL' WHERE sequence = 3")
    raw.commit()
    raw.close()
    found = verify()
    assert found.returncode == 1
    assert found.stdout.startswith("BROKEN at entry 3: ")
