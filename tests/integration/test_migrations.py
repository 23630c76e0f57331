"""The schema goes forward and back on both engines, and old SQLite stores are taken on as they are."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, inspect, text
from typer.testing import CliRunner

from copilot.adapters.sql import schema, versions
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.database_url import parse
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.opening import open_database
from copilot.cli.app import build_app
from copilot.domain.actions import LedgerRecord
from copilot.domain.errors import ConfigurationError

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ALL = ["0001", "0002", "0003", "0004", "0005", "0006", "0007"]
SINCE = {
    "console_sessions",
    "data_reads",
    "helpdesk_conversations",
    "helpdesk_deliveries",
    "helpdesk_notes",
    "ledger_keys",
    "leases",
    "privacy_requests",
}
"""Tables that the first revision did not have."""


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request, tmp_path):
    """An engine over an empty database, for its owner."""
    if request.param == "sqlite":
        made = create_engine(f"sqlite:///{tmp_path / 'copilot.db'}")
    else:
        postgres = request.getfixturevalue("postgres")
        name = f"empty_{re.sub(r'[^a-z0-9]', '_', request.node.name)}"[:60]
        made = create_engine(parse(postgres.empty_database(name), "the test's"))
    yield made
    made.dispose()


def tables(connection):
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def test_forward_and_back_and_forward_again(engine):
    with engine.begin() as connection:
        assert versions.current(connection) is None
        assert versions.migrate(connection) == ALL
        assert set(schema.metadata.tables) <= tables(connection)
        assert versions.migrate(connection) == []
        assert versions.migrate(connection, "0001") == ALL[:0:-1]
        assert versions.current(connection) == "0001"
        assert tables(connection) == set(schema.metadata.tables) - SINCE
        assert versions.migrate(connection) == ALL[1:]


def test_what_migrations_make_is_what_the_stores_expect(engine):
    with engine.begin() as connection:
        versions.migrate(connection)
        found = inspect(connection)
        for table in schema.metadata.sorted_tables:
            columns = {c["name"]: c["nullable"] for c in found.get_columns(table.name)}
            assert columns == {c.name: c.nullable for c in table.columns}, table.name
            keys = found.get_pk_constraint(table.name)["constrained_columns"]
            assert keys == [c.name for c in table.primary_key], table.name
            indexes = {i["name"] for i in found.get_indexes(table.name) if "duplicates_constraint" not in i}
            assert {i.name for i in table.indexes} <= indexes, table.name


def test_an_unknown_revision_changes_nothing(engine):
    with pytest.raises(ConfigurationError, match="no revision '9999'"), engine.begin() as connection:
        versions.migrate(connection, "9999")
    with engine.begin() as connection:
        versions.migrate(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="written by a newer version"), engine.begin() as connection:
        versions.migrate(connection)


def layout(path):
    """What SQLite holds, whatever the white space."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: re.sub(r'[\s"]|IF NOT EXISTS', "", sql) for name, sql in rows if name != "alembic_version"}


async def test_a_new_sqlite_store_is_what_the_migrations_make(tmp_path):
    await (await Database.open(tmp_path / "new.db")).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    with engine.begin() as connection:
        versions.migrate(connection)
    engine.dispose()
    assert layout(tmp_path / "new.db") == layout(tmp_path / "migrated.db")


async def test_a_sqlite_store_from_before_revisions_keeps_what_it_holds(tmp_path):
    path = tmp_path / "copilot.db"
    database = await Database.open(path)
    record = LedgerRecord(kind="proposal", subject_id="act_1", body={}, at=AT)
    await SqlLedgerStore(database).append("larkfield", record)
    await database.close()
    before = layout(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE alembic_version")
        connection.execute("DROP TABLE alerts")  # and it is older than this table

    database = await Database.open(path)

    assert [e.subject_id async for e in SqlLedgerStore(database).entries("larkfield")] == ["act_1"]
    await database.close()
    assert layout(path) == before


async def test_a_store_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "copilot.db"
    await (await Database.open(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(ConfigurationError, match="newer version"):
        await Database.open(path)


async def test_a_server_does_not_begin_on_a_postgresql_that_nobody_migrated(postgres):
    url = parse(postgres.empty_database("nobody_migrated"), "the test's")
    with pytest.raises(ConfigurationError, match=r"is empty.*copilot migrate"):
        await open_database(url)


def command(*arguments):
    result = CliRunner().invoke(build_app(), list(arguments))
    if isinstance(result.exception, Exception):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_the_command_prepares_a_database_for_a_role_that_owns_nothing(postgres, monkeypatch):
    owners = postgres.empty_database("by_command")
    postgres.execute("postgres", "CREATE ROLE clerk LOGIN")
    monkeypatch.setenv("COPILOT_DATABASE_URL", owners)
    assert f"{', '.join(ALL)}: the schema is at {ALL[-1]}." in command("migrate", "--grant", "clerk")
    assert f"The schema is at {ALL[-1]}." in command("migrate")

    database = await open_database(parse(owners.replace("owner@", "clerk@"), "the test's"))

    record = LedgerRecord(kind="proposal", subject_id="act_1", body={}, at=AT)
    assert (await SqlLedgerStore(database).append("larkfield", record)).sequence == 1
    await database.close()
    assert f"{', '.join(ALL[:0:-1])}: the schema is at 0001." in command("migrate", "--to", "0001")


async def test_a_server_does_not_begin_with_tables_that_its_role_may_not_use(postgres, monkeypatch):
    owners = postgres.empty_database("forgotten_grant")
    postgres.execute("postgres", "CREATE ROLE porter LOGIN")
    porters = parse(owners.replace("owner@", "porter@"), "the test's")
    monkeypatch.setenv("COPILOT_DATABASE_URL", owners)
    command("migrate")
    with pytest.raises(ConfigurationError, match=r"'porter'.*ledger.*migrate --grant porter"):
        await open_database(porters)
    command("migrate", "--grant", "porter")
    await (await open_database(porters)).close()

    command("migrate", "--to", "0003")
    command("migrate")  # makes tables anew, which nobody was granted

    with pytest.raises(ConfigurationError, match=r"tables .*helpdesk_conversations, helpdesk_deliveries"):
        await open_database(porters)


@pytest.mark.parametrize(
    "url", ["mysql://here/db", "postgresql://host", "postgresql://u:secret@h:port/d", "x", ""]
)
def test_an_address_that_names_no_database_is_refused_without_its_password(url):
    with pytest.raises(
        ConfigurationError, match=r"COPILOT_DATABASE_URL.*not the address of a database"
    ) as error:
        parse(url, "COPILOT_DATABASE_URL")
    assert "secret" not in str(error.value)
