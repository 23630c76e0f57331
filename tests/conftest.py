"""Real databases for the tests that need one."""

import pytest
from tests.servers.postgres import running
from tests.servers.redis import running_redis

from copilot.adapters.sql.database_url import parse
from copilot.adapters.sql.opening import open_database


@pytest.fixture(scope="session")
def postgres():
    """One PostgreSQL for the whole run; each test has databases of its own in it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def redis():
    """One Redis for the whole run; whoever takes it empties it."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def opened(request, tmp_path):
    """Opens an empty database of the named engine; on PostgreSQL as a role that owns nothing there."""
    databases = []

    async def open_one(engine):
        if engine == "postgres":
            where = parse(request.getfixturevalue("postgres").database(), "the test's")
        else:
            where = tmp_path / "copilot.db"
        databases.append(await open_database(where))
        return databases[-1]

    yield open_one
    for database in databases:
        await database.close()
