import asyncio
import sqlite3

import pytest

from copilot.adapters.sql import kept_passages, read_ahead
from copilot.adapters.sql.kept_passages import KeptPassages
from copilot.adapters.sql.read_ahead import ASKED, ReadAhead
from copilot.domain.errors import DependencyUnavailable

PASSAGES = 7


class FewReaders:
    """Of a database with a few passages of two tenants, one of which may not be shown."""

    def __init__(self):
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("CREATE TABLE passages (row INTEGER PRIMARY KEY, id, tenant_id, searchable)")
        rows = [(f"psg_{row}", "acme", 1) for row in range(PASSAGES)]
        rows += [("psg_hidden", "acme", 0), ("psg_other", "globex", 1)]
        self.connection.executemany("INSERT INTO passages(id, tenant_id, searchable) VALUES (?, ?, ?)", rows)

    async def read(self, call):
        return call(self.connection)


class World:
    def __init__(self):
        self.written = {"acme": 0, "globex": 0}
        self.kept = KeptPassages(self.written.__getitem__)
        self.ahead = ReadAhead(FewReaders(), self.kept)
        self.parts = []

    async def read(self, names):
        self.parts.append(list(names))

    async def ask(self, times, tenant_id="acme", read=None):
        for _ in range(times):
            self.ahead.note(tenant_id, read or self.read)
            await asyncio.sleep(0)
        if self.ahead._task is not None:
            await self.ahead._task


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(read_ahead, "_TOGETHER", 3)
    world = World()
    yield world
    await world.ahead.close()


ALL = [["psg_0", "psg_1", "psg_2"], ["psg_3", "psg_4", "psg_5"], ["psg_6"]]


async def test_reads_all_that_may_be_shown_once_it_is_asked_often(world):
    await world.ask(ASKED - 1)
    assert world.parts == []
    await world.ask(1)
    assert world.parts == ALL
    await world.ask(2 * ASKED)
    assert world.parts == ALL
    await world.ask(ASKED, "globex")
    assert world.parts == [*ALL, ["psg_other"]]


async def test_begins_anew_after_a_write_and_not_between_many(world):
    for _ in range(5):
        await world.ask(ASKED - 1)
        world.written["acme"] += 1
    assert world.parts == []
    await world.ask(ASKED)
    assert world.parts == ALL


async def test_stops_when_somebody_writes(world):
    async def read(names):
        world.parts.append(list(names))
        world.written["acme"] += 1

    await world.ask(ASKED, read=read)
    assert world.parts == ALL[:1]


async def test_reads_nothing_of_a_tenant_whose_passages_cannot_all_be_kept(world, monkeypatch):
    monkeypatch.setattr(kept_passages, "VECTORS", PASSAGES - 1)
    await world.ask(ASKED)
    assert world.parts == []


async def test_one_tenant_waits_for_the_other(world):
    gate = asyncio.Event()

    async def slowly(names):
        await gate.wait()
        world.parts.append(list(names))

    for _ in range(ASKED):
        world.ahead.note("acme", slowly)
        world.ahead.note("globex", world.read)
    await asyncio.sleep(0)
    assert world.parts == []
    gate.set()
    await world.ask(0)
    await world.ask(1, "globex")
    assert world.parts == [*ALL, ["psg_other"]]


async def test_a_database_that_does_not_answer_ends_it_quietly(world):
    async def read(names):
        raise DependencyUnavailable("the database did not answer.")

    await world.ask(ASKED, read=read)
    assert world.ahead._task.exception() is None


async def test_is_ended_by_closing(world):
    async def forever(names):
        await asyncio.Event().wait()

    for _ in range(ASKED):
        world.ahead.note("acme", forever)
    await asyncio.sleep(0)
    await world.ahead.close()
    assert world.ahead._task.cancelled()
