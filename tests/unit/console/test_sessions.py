"""Who is signed in, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.api_key_store import MemoryApiKeyStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.console_sessions import MemoryConsoleSessions
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
    return Sessions(MemoryConsoleSessions(), api_keys, clock)


@pytest.fixture
async def token(sessions, api_keys):
    return await sessions.sign_in(await api_keys.create(DANA))


async def test_a_session_speaks_for_whoever_the_key_speaks_for(sessions, token):
    assert (await sessions.visit(token)).principal == DANA


async def test_a_key_that_is_none_opens_no_session(sessions):
    with pytest.raises(NotAuthenticated):
        await sessions.sign_in("cop_000000000000_nothing")


async def test_signing_out_ends_it(sessions, token):
    await sessions.sign_out(token)

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


async def test_a_session_ends_with_a_key_that_expires(sessions, api_keys, clock):
    token = await sessions.sign_in(await api_keys.create(DANA, clock.now() + timedelta(minutes=30)))
    clock.forward(timedelta(minutes=29))
    assert (await sessions.visit(token)).principal.name == "Dana"
    clock.forward(timedelta(minutes=1))

    with pytest.raises(NotAuthenticated):
        await sessions.visit(token)


async def test_what_a_page_asks_by_itself_keeps_no_session_from_ending(sessions, clock, token):
    for _ in range(4):
        clock.forward(IDLE / 4 - timedelta(seconds=1))
        await sessions.visit(token, somebody=False)
    clock.forward(timedelta(seconds=4))

    with pytest.raises(NotAuthenticated):
        await sessions.visit(token, somebody=False)


async def test_a_notice_is_shown_once_on_the_next_page(sessions, token):
    form = await sessions.visit(token)
    form.notices.append("Removed.")
    await sessions.keep_notices(form)
    page = await sessions.visit(token)
    assert page.notices == ["Removed."]
    page.notices.clear()
    await sessions.keep_notices(page)

    assert (await sessions.visit(token)).notices == []


async def test_two_sessions_of_one_person_have_forms_of_their_own(sessions, api_keys):
    key = await api_keys.create(DANA)
    token = await sessions.sign_in(key)
    one, same = await sessions.visit(token), await sessions.visit(token)
    other = await sessions.visit(await sessions.sign_in(key))

    require_token(one.csrf, same.csrf)
    for wrong in ("", "x", other.csrf):
        with pytest.raises(NotPermitted):
            require_token(one.csrf, wrong)


async def test_nothing_that_is_kept_of_a_session_opens_it(sessions, api_keys):
    key = await api_keys.create(DANA)
    token = await sessions.sign_in(key)
    visit = await sessions.visit(token)

    for secret in (key, token):
        assert secret not in repr(visit) + repr(visit.session)
    with pytest.raises(NotAuthenticated):
        await sessions.visit(visit.session.id)
