"""Who is signed in, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.api_key_store import MemoryApiKeyStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.console.sessions import IDLE, LIFETIME, Sessions, require_token
from copilot.domain.access import Principal, Role
from copilot.domain.errors import NotAuthenticated, NotPermitted

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DANA = Principal(id="dana", tenant_id="larkfield", name="Dana", role=Role.KNOWLEDGE_MANAGER)


@pytest.fixture
def clock():
    return FixedClock(NOW)


@pytest.fixture
def api_keys(clock):
    return MemoryApiKeyStore(clock)


@pytest.fixture
def sessions(api_keys, clock):
    return Sessions(api_keys, clock)


@pytest.fixture
async def token(sessions, api_keys):
    return await sessions.sign_in(await api_keys.create(DANA))


async def test_a_session_speaks_for_whoever_the_key_speaks_for(sessions, token):
    assert (await sessions.visit(token)).principal == DANA


async def test_a_key_that_is_none_opens_no_session(sessions):
    with pytest.raises(NotAuthenticated):
        await sessions.sign_in("cop_000000000000_nothing")


async def test_signing_out_ends_it(sessions, token):
    sessions.sign_out(token)

    with pytest.raises(NotAuthenticated):
        await sessions.visit(token)


async def test_a_revoked_key_ends_its_sessions(sessions, api_keys, token):
    (key,) = await api_keys.list_keys("larkfield")
    await api_keys.revoke("larkfield", key.prefix)

    with pytest.raises(NotAuthenticated):
        await sessions.visit(token)


async def test_it_ends_when_nobody_comes_and_after_a_working_day_even_so(sessions, clock, token):
    clock.forward(IDLE - timedelta(seconds=1))
    await sessions.visit(token)
    clock.forward(IDLE - timedelta(seconds=1))
    await sessions.visit(token)
    clock.forward(LIFETIME - 2 * IDLE + timedelta(seconds=2))

    with pytest.raises(NotAuthenticated):
        await sessions.visit(token)


async def test_two_sessions_of_one_person_have_forms_of_their_own(sessions, api_keys):
    key = await api_keys.create(DANA)
    one = await sessions.visit(await sessions.sign_in(key))
    other = await sessions.visit(await sessions.sign_in(key))

    require_token(one.session.csrf, one.session.csrf)
    for wrong in ("", "x", other.session.csrf):
        with pytest.raises(NotPermitted):
            require_token(one.session.csrf, wrong)


async def test_the_key_is_in_no_description_of_a_session(sessions, token):
    visit = await sessions.visit(token)

    assert visit.session.key.startswith("cop_")
    assert visit.session.key not in repr(visit)
