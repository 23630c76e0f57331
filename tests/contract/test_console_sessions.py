"""What every store of console sessions does."""

from datetime import timedelta

import pytest

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.console_sessions import MemoryConsoleSessions
from copilot.adapters.sql.api_key_store import SqlApiKeyStore
from copilot.adapters.sql.console_sessions import SqlConsoleSessions
from copilot.console.sessions import IDLE, Sessions
from copilot.domain.access import ConsoleSession, Principal, Role
from copilot.domain.errors import NotAuthenticated

SECRET = b"s" * 32
HOUR = timedelta(hours=1)
DANA = Principal(id="usr_dana", tenant_id="larkfield", name="Dana", role=Role.KNOWLEDGE_MANAGER)


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "memory":
        return MemoryConsoleSessions()
    return SqlConsoleSessions(await opened(request.param), SECRET)


def session(store, token, now, *, who=DANA, **more):
    given = {"key_prefix": "0123456789ab", "signed_in_at": now, "seen_at": now, "ends_at": now + 12 * HOUR}
    return ConsoleSession(id=store.id_of(token), principal=who, **given | more)


async def kept(store, made):
    await store.open(made, idle_since=made.signed_in_at - IDLE)
    return made


async def test_what_was_opened_is_found_until_it_is_closed(store, clock):
    one = await kept(store, session(store, "token", clock.now()))
    found = await store.find(one.id)

    assert found.principal.model_copy(update={"until": None}) == DANA
    assert (found.key_prefix, found.ends_at, found.notices) == (one.key_prefix, one.ends_at, ())
    for _ in range(2):
        await store.close(one.id)
    assert await store.find(one.id) is None


async def test_it_remembers_when_somebody_was_here_and_what_to_tell_them(store, clock):
    one = await kept(store, session(store, "token", clock.now(), key_prefix=None))
    await store.note_seen(one, clock.now() + HOUR)
    await store.leave_notices(one, ["Removed “x”.", "a\x00b"])

    found = await store.find(one.id)
    assert (found.seen_at, found.notices) == (clock.now() + HOUR, ("Removed “x”.", "a\x00b"))
    assert found.key_prefix is None


async def test_who_signs_in_sweeps_out_what_is_over_in_their_tenant(store, clock):
    now = clock.now()
    ended = await kept(store, session(store, "ended", now, ends_at=now + HOUR))
    idle = await kept(store, session(store, "idle", now))
    used = await kept(store, session(store, "used", now))
    await store.note_seen(used, now + 2 * HOUR)
    await kept(store, session(store, "new", now + 3 * HOUR))

    assert await store.find(ended.id) is None
    assert await store.find(idle.id) is None
    assert await store.find(used.id) is not None


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_one_person_has_no_more_than_so_many(engine, opened, clock):
    store = SqlConsoleSessions(await opened(engine), SECRET)
    made = []
    for number in range(52):
        clock.forward(timedelta(seconds=1))
        made.append(await kept(store, session(store, f"token {number}", clock.now())))
    other = DANA.model_copy(update={"id": "usr_omar"})
    await kept(store, session(store, "other", clock.now(), who=other))

    assert [await store.find(one.id) for one in made[:2]] == [None, None]
    assert await store.find(made[2].id) is not None
    assert await store.find(store.id_of("other")) is not None


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_two_servers_share_sign_ins_and_their_ends(engine, opened, clock):
    database = await opened(engine)
    keys = [SqlApiKeyStore(database, SECRET, clock) for _ in range(2)]
    here, there = (Sessions(SqlConsoleSessions(database, SECRET), known, clock) for known in keys)
    key = await keys[0].create(DANA)
    token = await here.sign_in(key)
    assert (await there.visit(token)).csrf == (await here.visit(token)).csrf

    await there.sign_out(token)
    with pytest.raises(NotAuthenticated):
        await here.visit(token)

    token = await there.sign_in(key)
    await here.visit(token)
    await keys[1].revoke("larkfield", key.split("_")[1])
    clock.forward(timedelta(seconds=6))
    for server in (here, there):
        with pytest.raises(NotAuthenticated):
            await server.visit(token)


async def test_the_database_holds_neither_the_key_nor_the_cookies_token(opened, clock, tmp_path):
    database = await opened("sqlite")
    keys = SqlApiKeyStore(database, SECRET, clock)
    sessions = Sessions(SqlConsoleSessions(database, SECRET), keys, clock)
    key = await keys.create(DANA)
    token = await sessions.sign_in(key)
    csrf = (await sessions.visit(token)).csrf

    files = [path.read_bytes() for path in tmp_path.iterdir()]

    assert any(b"usr_dana" in content for content in files)
    for secret in (key.split("_", 2)[2], token, csrf):
        assert not any(secret.encode() in content for content in files)
    other = Sessions(SqlConsoleSessions(database, b"t" * 32), keys, clock)
    with pytest.raises(NotAuthenticated):
        await other.visit(token)
