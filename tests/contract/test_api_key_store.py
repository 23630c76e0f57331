"""What every ApiKeyStore does."""

from datetime import timedelta

import pytest

from copilot.adapters.fakes.api_key_store import MemoryApiKeyStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.sql.api_key_store import SqlApiKeyStore, server_secret
from copilot.domain.access import Principal, Role
from copilot.domain.errors import ConfigurationError, KeyExpired, NotAuthenticated, NotFound

ANA = Principal(id="rep_1", tenant_id="larkfield", name="Ana", role=Role.REPRESENTATIVE)


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened, clock):
    if request.param == "memory":
        return MemoryApiKeyStore(clock)
    return SqlApiKeyStore(await opened(request.param), b"s" * 32, clock)


async def test_a_key_speaks_for_its_principal(store):
    key = await store.create(ANA)

    assert key.startswith("cop_")
    assert await store.principal_of(key) == ANA


async def test_a_wrong_secret_or_no_key_at_all_opens_nothing(store):
    key = await store.create(ANA)

    for wrong in (
        "",
        "cop_",
        "hello",
        key[:-1],
        key + "A",
        key[:-1] + ("A" if key[-1] != "A" else "B"),
        key.upper(),
    ):
        with pytest.raises(NotAuthenticated):
            await store.principal_of(wrong)


async def test_a_revoked_key_opens_nothing_and_stays_in_the_list(store):
    key = await store.create(ANA)
    await store.principal_of(key)
    (listed,) = await store.list_keys("larkfield")
    await store.revoke("larkfield", listed.prefix)
    await store.revoke("larkfield", listed.prefix)

    with pytest.raises(NotAuthenticated):
        await store.principal_of(key)
    (listed,) = await store.list_keys("larkfield")
    assert listed.revoked_at is not None


async def test_a_tenant_neither_sees_nor_revokes_the_keys_of_another(store):
    key = await store.create(ANA)
    (listed,) = await store.list_keys("larkfield")

    assert await store.list_keys("other") == []
    with pytest.raises(NotFound):
        await store.revoke("other", listed.prefix)
    assert await store.principal_of(key) == ANA


async def test_a_key_that_expires_opens_nothing_from_that_moment_and_says_so_to_its_owner_alone(store, clock):
    ends = clock.now() + timedelta(seconds=2)  # sooner than a known key is asked for again
    key = await store.create(ANA, ends)
    assert await store.principal_of(key) == ANA.model_copy(update={"until": ends})
    clock.forward(timedelta(seconds=2))

    for _ in range(2):
        with pytest.raises(KeyExpired, match="expired"):
            await store.principal_of(key)
    with pytest.raises(NotAuthenticated) as guessed:
        await store.principal_of(key[:-1] + ("A" if key[-1] != "A" else "B"))
    assert not isinstance(guessed.value, KeyExpired)
    (listed,) = await store.list_keys("larkfield")
    assert (listed.expires_at, listed.revoked_at) == (ends, None)


async def test_a_revoked_key_that_expires_later_is_unknown_to_everybody(store, clock):
    key = await store.create(ANA, clock.now() + timedelta(days=1))
    await store.revoke("larkfield", key.split("_")[1])
    clock.forward(timedelta(days=2))

    with pytest.raises(NotAuthenticated) as refused:
        await store.principal_of(key)
    assert not isinstance(refused.value, KeyExpired)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_key_revoked_by_another_process_opens_nothing_within_seconds(engine, opened, clock):
    database = await opened(engine)
    here, elsewhere = (SqlApiKeyStore(database, b"s" * 32, clock) for _ in range(2))
    key = await here.create(ANA)
    await here.principal_of(key)
    await elsewhere.revoke("larkfield", key.split("_")[1])
    clock.forward(timedelta(seconds=6))

    with pytest.raises(NotAuthenticated):
        await here.principal_of(key)


async def test_the_database_does_not_hold_the_key(opened, clock, tmp_path):
    database = await opened("sqlite")
    key = await SqlApiKeyStore(database, b"s" * 32, clock).create(ANA)
    secret = key.split("_", 2)[2].encode()

    files = [path.read_bytes() for path in tmp_path.iterdir()]

    assert files
    assert not any(secret in content for content in files)
    with pytest.raises(NotAuthenticated):
        await SqlApiKeyStore(database, b"another secret".ljust(32), clock).principal_of(key)


def test_the_server_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "data" / "server.secret"
    secret = server_secret(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert server_secret(path) == secret
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="others may read"):
        server_secret(path)
