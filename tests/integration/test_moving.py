"""Everything moves from SQLite to PostgreSQL, goes on where it stopped, and is compared row by row."""

import asyncio

import pytest
from tests.contract.test_citation_log import citation, show, suggestion
from tests.contract.test_knowledge_store import MODEL, document, put
from tests.contract.test_ledger_store import record
from tests.contract.test_verification_attempts import TWICE, attempt
from tests.unit.tools.desk import desk
from typer.testing import CliRunner

from copilot.adapters.sql import moving
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.database_url import parse
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.opening import knowledge_store, open_database
from copilot.adapters.sql.verification_attempts import SqlVerificationAttempts
from copilot.cli.app import build_app
from copilot.domain.errors import ConfigurationError
from copilot.tools.ledger import VerifiedLedger, verify_ledger

NOT_YET = 40


@pytest.fixture
async def source(tmp_path):
    path = tmp_path / "copilot.db"
    database = await Database.open(path)
    store = knowledge_store(database)
    for number in range(NOT_YET):
        await put(
            store, document(f"d{number}", text=f"text {number}"), f"Refund number {number}.", "A tent\0."
        )
    await put(store, document("theirs", tenant="other"), "Their refund.")
    await put(store, document("bad", quarantined="an instruction"), "Refund everything.")
    await store.put_artifact("acme", "intents", "k", b"\x00\xff")
    for number in range(30):
        await SqlLedgerStore(database).append("acme", record(number))
    await SqlActionStore(database).add(await desk().propose(), record())
    await show(
        SqlConversationStore(database), 1, cards=[citation("loyalty")], drafted=suggestion(1, citation("r"))
    )
    await SqlVerificationAttempts(database).begin(attempt(1, TWICE))
    await database.close()
    return path


@pytest.fixture
def target(postgres):
    """An empty database for its owner; the server's role may be told later."""
    postgres.made_for_moving = getattr(postgres, "made_for_moving", 0) + 1
    return postgres.empty_database(f"moved_{postgres.made_for_moving}")


def move(source, target, on_progress=lambda *_: None):
    return moving.move(source, parse(target, "--to"), on_progress)


async def ranked(database):
    store = knowledge_store(database)
    return [round(score, 5) for _, score in await store.match("acme", "refund number 7 tent", 50)]


async def test_what_was_moved_works_as_before(source, target):
    tables = {table.name: table for table in await asyncio.to_thread(move, source, target)}
    assert all(table.same for table in tables.values())
    assert {name: tables[name].rows for name in ("documents", "ledger", "citations", "document_facets")} == {
        "documents": NOT_YET + 2, "ledger": 31, "citations": 2, "document_facets": NOT_YET + 2,
    }  # fmt: skip
    old, new = await Database.open(source), await open_database(parse(target, "--to"))
    assert await ranked(new) == await ranked(old) != []
    assert isinstance(await verify_ledger(SqlLedgerStore(new), "acme"), VerifiedLedger)
    await SqlLedgerStore(new).append("acme", record(99))
    store = knowledge_store(new)
    cut, _ = await put(store, document("later"), "A lantern.")
    assert [name for name, _ in await store.match("acme", "lantern", 5)] == [cut[0].id]
    assert [ids for ids, _ in [batch async for batch in store.all_vectors("other", MODEL)]] == [
        ["psg_doc_other_theirs_1_Their refund."]
    ]
    await old.close()
    await new.close()


@pytest.mark.parametrize(
    "stop_at", ["documents", "passages", "ledger", "words of documents", "checking turns"]
)
async def test_a_move_that_was_stopped_goes_on(source, target, monkeypatch, stop_at):
    monkeypatch.setattr(moving, "_BATCH", 7)
    monkeypatch.setattr(moving, "_DOCUMENTS", 5)

    class Stopped(Exception):
        pass

    def stop(what, done, total):
        if what == stop_at and done >= total // 2:
            raise Stopped

    with pytest.raises(Stopped):
        await asyncio.to_thread(move, source, target, stop)
    begun = []
    tables = await asyncio.to_thread(move, source, target, lambda *seen: begun.append(seen))
    assert all(table.same for table in tables)
    if stop_at in ("documents", "passages", "ledger"):
        (first,) = [done for what, done, _ in begun if what == stop_at][:1]
        assert first > 0, "it began anew"
    old, new = await Database.open(source), await open_database(parse(target, "--to"))
    assert await ranked(new) == await ranked(old) != []
    await old.close()
    await new.close()


def test_the_command_tells_what_differs(source, target, postgres):
    def run():
        return CliRunner().invoke(build_app(), ["move", "--from", f"sqlite:{source}", "--to", target])

    first = run()
    assert first.exit_code == 0, first.output
    assert "0 differ" in first.stdout
    postgres.execute(postgres.name_of(target), "UPDATE artifacts SET content = 'x'")
    again = run()
    assert again.exit_code == 1
    assert "DIFFERENT artifacts" in again.stdout


def test_a_target_that_others_write_to_is_refused(source, target, postgres):
    move(source, target)
    postgres.execute(postgres.name_of(target), "INSERT INTO artifacts VALUES ('x', 'y', 'z', '')")
    with pytest.raises(ConfigurationError, match=r"artifacts has 2 rows there and 1 here.*new database"):
        move(source, target)


def test_a_source_that_is_not_there_is_not_made(tmp_path, target):
    with pytest.raises(ConfigurationError, match="no database to move"):
        move(tmp_path / "none.db", target)
    assert not (tmp_path / "none.db").exists()
