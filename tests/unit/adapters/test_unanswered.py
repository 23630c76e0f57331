import logging

import pytest

from copilot.adapters.seldom import Seldom
from copilot.adapters.sql import unanswered as module
from copilot.adapters.sql.unanswered import unanswered

DRIVERS = "connection to server on socket /run/postgresql/.s.PGSQL.5432 failed"


def test_what_the_driver_says_is_in_the_log_alone(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger(module.__name__), "filters", [])
    error = unanswered(OSError(DRIVERS), "Check that it runs.", where="postgresql://copilot@db")
    assert error.told == "The database did not answer. Check that it runs."
    assert DRIVERS in caplog.text
    assert "postgresql://copilot@db" in caplog.text


@pytest.mark.parametrize(
    ("drivers", "told"),
    [
        ("database or disk is full", "The database's disk is full."),
        ("could not extend file: No space left on device", "The database's disk is full."),
        ("attempt to write a readonly database", "The database takes no writes."),
        ("disk I/O error", "The database's disk does not take what is written."),
    ],
)
def test_a_disk_that_takes_nothing_is_called_by_its_name(drivers, told):
    assert unanswered(OSError(drivers), "").message == told


def test_it_is_told_once_a_minute():
    now = 100.0
    seldom = Seldom(lambda: now)
    record = logging.makeLogRecord({"msg": "gone"})
    assert [seldom.filter(record) for _ in range(3)] == [True, False, False]
    now += 60
    assert [seldom.filter(record) for _ in range(2)] == [True, False]
