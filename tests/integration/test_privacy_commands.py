"""`copilot privacy`: what a customer is shown, what is erased, and that not even free pages hold it."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest
from tests.contract.test_personal_records import PLANTED, planted
from typer.testing import CliRunner

from copilot.adapters.sql.opening import open_database
from copilot.cli.app import build_app
from copilot.domain.errors import ConfigurationError


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path))

    async def plant():
        database = await open_database(tmp_path / "copilot.db")
        await planted(database, "conv_a", "cus_a")
        await planted(database, "conv_b", "cus_b", action="executing")
        await database.close()

    asyncio.run(plant())
    return tmp_path


def said(*arguments, status=0):
    result = CliRunner().invoke(build_app(), ["privacy", *arguments])
    assert result.exit_code == status, result.output
    return result.stdout


def refused(*arguments):
    result = CliRunner().invoke(build_app(), ["privacy", *arguments])
    assert isinstance(result.exception, ConfigurationError)
    return str(result.exception)


def entries(place):
    with closing(sqlite3.connect(place / "copilot.db")) as connection:
        return [row[0].encode() for row in connection.execute("SELECT body FROM ledger")]


def raw(place):
    return b"".join(file.read_bytes() for file in place.glob("copilot.db*"))


def test_what_is_erased_is_not_even_in_the_files_free_pages(place):
    planned = json.loads(said("erase", "--customer", "cus_a", "--dry-run"))
    proof = json.loads(said("erase", "--customer", "cus_a"))

    assert planned["conversations"] == proof["conversations"] == 1
    assert planned["sha256_of_their_ids"] == proof["sha256_of_their_ids"]
    assert proof["removed"]["turns"] == 1
    assert (proof["left"], proof["refused"], proof["free_pages_overwritten"]) == ({}, {}, True)
    assert b"conv_a" not in raw(place)
    assert b"conv_b" in raw(place)


def test_what_is_shown_to_a_customer_is_audited_like_every_read(place):
    shown = json.loads(said("export", "--customer", "cus_a"))
    assert list(shown) == ["conv_a"]
    assert f"I am {PLANTED}" in json.dumps(shown)
    said("erase", "--customer", "cus_a")

    with closing(sqlite3.connect(place / "copilot.db")) as database:
        columns = "conversation_id, channel, data, role, route"
        reads = database.execute(f"SELECT {columns} FROM data_reads").fetchall()  # noqa: S608
    assert reads == [("conv_a", "command", "export", "operator", "copilot privacy export")]


def test_what_cannot_be_erased_yet_is_named(place):
    proof = json.loads(said("erase", "--customer", "cus_b", status=1))
    assert "still under way" in proof["refused"]["conv_b"]


def test_retention_goes_by_the_settings_and_removes_nothing_that_is_under_way(place, monkeypatch):
    assert "COPILOT_RETENTION_DAYS" in refused("retain")
    monkeypatch.setenv("COPILOT_RETENTION_DAYS", '{"larkfield": {"abandoned": 1, "feedback_texts": 1}}')

    planned = json.loads(said("retain", "--dry-run"))
    done = json.loads(said("retain"))

    assert planned["removed"] == {"abandoned": 2, "feedback_texts": 2}
    assert done["removed"] == {"abandoned": 1, "feedback_texts": 1}
    assert (done["refused"], done["finished"]) == (1, True)
    assert b"conv_a" not in b"".join(entries(place))
    assert said("retain") == ""  # within the hour
