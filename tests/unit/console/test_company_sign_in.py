"""Signing in to the console at a company's provider, with a browser that runs no script."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests.servers.identity_provider import AUDIENCE, CALLBACK, CLIENT, identity_provider

from copilot.adapters.oidc_sign_in import OidcClient, OidcSignIn
from copilot.adapters.oidc_tokens import OidcTokens, OidcTrust
from copilot.domain.access import Role
from copilot.server import create_server

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

from world import World


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def browser(world):
    transport = httpx.ASGITransport(create_server(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def provider(world):
    with identity_provider() as made:
        roles = {"admins": Role.ADMIN}
        trust = OidcTrust(issuer=made.url, audience=AUDIENCE, tenant="larkfield", roles=roles)
        world.person_sign_in = OidcSignIn(OidcTokens(trust), OidcClient(id=CLIENT, callback=CALLBACK))
        made.claims = {"roles": ["admins"]}
        yield made


async def leave(browser, wanted=""):
    """The answer that sends the browser away, and the address that the provider sends it back to."""
    left = await browser.get("/console/sign-in/company", params={"next": wanted} if wanted else {})
    assert left.status_code == 303
    async with httpx.AsyncClient() as elsewhere:
        there = await elsewhere.get(left.headers["location"])
    back = urlsplit(there.headers["location"])
    return left, f"{back.path}?{back.query}"


async def come_back(browser, wanted=""):
    """The answer to the browser that has been at the provider."""
    left, back = await leave(browser, wanted)
    return left, await browser.get(back)


async def test_who_was_signed_in_there_is_signed_in_here(browser, provider):
    offered = await browser.get("/console/sign-in")
    assert "/console/sign-in/company" in offered.text
    left, back = await come_back(browser, "/console/audit?actor=usr_rita")

    assert back.status_code == 200
    assert 'content="0; url=/console/audit?actor=usr_rita"' in back.text
    page = await browser.get("/console/audit")
    assert page.status_code == 200
    assert "Ana Ruiz" in page.text
    away = left.headers["set-cookie"]
    assert "SameSite=lax" in away
    assert "HttpOnly" in away
    session = next(c for c in back.headers.get_list("set-cookie") if c.startswith("copilot_session"))
    assert "SameSite=strict" in session
    assert "copilot_away" not in browser.cookies
    assert back.headers["referrer-policy"] == "no-referrer"


async def test_coming_back_twice_signs_nobody_in_again(browser, provider):
    _, back = await leave(browser)
    await browser.get(back)
    browser.cookies.clear()

    again = await browser.get(back)
    assert again.status_code == 401
    assert "copilot_session" not in browser.cookies


async def test_an_address_from_elsewhere_signs_nobody_in(browser, provider):
    _, theirs = await leave(browser)  # with a browser of theirs, whose cookies are not here
    browser.cookies.clear()
    await leave(browser)

    lured = await browser.get(theirs)
    assert lured.status_code == 401
    assert "begun elsewhere" in lured.text
    assert "copilot_session" not in browser.cookies


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/console/\\evil", "/inbox"])
async def test_it_leads_to_a_page_of_the_console_and_nowhere_else(browser, provider, wanted):
    _, back = await come_back(browser, wanted)
    assert "evil" not in back.text
    assert 'content="0; url=/console/' in back.text


async def test_who_has_no_role_here_and_whose_provider_is_gone_are_told_so(browser, provider):
    provider.claims = {"roles": ["others"]}
    _, refused = await come_back(browser)
    assert refused.status_code == 403
    assert "none of the roles" in refused.text
    provider.claims, provider.down = {"roles": ["admins"]}, True
    _, gone = await come_back(browser)
    assert gone.status_code == 503
    assert "copilot_session" not in browser.cookies


async def test_without_a_provider_nobody_is_sent_anywhere(browser):
    assert "/console/sign-in/company" not in (await browser.get("/console/sign-in")).text
    browser.cookies.set("copilot_away", "x.y", path="/console/sign-in")
    for path in ("company", "callback"):
        answer = await browser.get(f"/console/sign-in/{path}")
        assert answer.status_code == 404
