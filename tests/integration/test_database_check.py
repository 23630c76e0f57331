"""What the database's probe says: that it answers, and whether it takes writes when it last did not."""

import pytest
from sqlalchemy import text

from copilot.adapters.sql.database import Database
from copilot.domain.errors import DependencyUnavailable


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(tmp_path / "t.db")
    yield opened
    await opened.close()


async def take_no_writes(database, *, refuse):
    """As on a full disk: reading goes on."""
    async with database._writer.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        await driver.execute(f"PRAGMA query_only = {int(refuse)}")


async def test_a_database_that_takes_no_writes_says_so_until_it_does(database):
    await database.check()
    await take_no_writes(database, refuse=True)
    await database.check()  # nobody has wanted to write yet
    with pytest.raises(DependencyUnavailable):
        async with database.write() as connection:
            await connection.execute(text("DELETE FROM conversations"))
    for _ in range(2):
        with pytest.raises(DependencyUnavailable, match="takes no writes"):
            await database.check()
    await take_no_writes(database, refuse=False)
    await database.check()
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM conversations"))


async def test_any_engine_is_checked(opened):
    for engine in ("sqlite", "postgres"):
        await (await opened(engine)).check()
