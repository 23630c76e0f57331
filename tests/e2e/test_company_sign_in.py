"""Signing in to the console at the company's provider, which is another site, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.desk import CHROMIUM
from tests.servers.faults import serving
from tests.servers.identity_provider import AUDIENCE, CLIENT, IdentityProvider, identity_provider
from tests.unit.api.world import World

from copilot.adapters.oidc_sign_in import OidcClient, OidcSignIn
from copilot.adapters.oidc_tokens import OidcTokens, OidcTrust
from copilot.domain.access import Role
from copilot.server import create_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is missing: apt-get install chromium"),
]


@pytest.fixture
def console() -> Iterator[tuple[str, IdentityProvider]]:
    """The console's address, and the provider that it trusts."""
    world = World()
    with identity_provider() as provider, serving(create_server(world)) as address:
        # By another name it is another site: a browser takes no strict cookie along from there.
        provider.url = provider.url.replace("127.0.0.1", "localhost")
        provider.callback = f"{address}/console/sign-in/callback"
        provider.asks = True
        provider.claims = {"roles": ["admins"]}
        trust = OidcTrust(
            issuer=provider.url, audience=AUDIENCE, tenant="larkfield", roles={"admins": Role.ADMIN}
        )
        client = OidcClient(id=CLIENT, callback=provider.callback)
        world.person_sign_in = OidcSignIn(OidcTokens(trust), client)
        yield address, provider


def test_who_comes_back_from_the_provider_lands_signed_in_where_they_wanted_to_go(
    browser: Browser, console: tuple[str, IdentityProvider]
) -> None:
    address, _ = console
    page = browser.new_page()
    page.goto(f"{address}/console/audit")
    expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()

    page.get_by_role("link", name="Sign in with your company’s account").click()
    page.get_by_role("link", name="I am Ana").click()

    expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    assert page.url == f"{address}/console/audit"
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    session = cookies["copilot_session"]
    assert (session["sameSite"], session["httpOnly"]) == ("Strict", True)
    assert "copilot_away" not in cookies
    page.close()


def test_an_answer_that_this_browser_did_not_ask_for_signs_nobody_in(
    browser: Browser, console: tuple[str, IdentityProvider]
) -> None:
    """Somebody else's sign-in, sent on as a link."""
    address, provider = console
    provider.codes["code-stolen"] = (CLIENT, "nonce", "challenge", False)
    page = browser.new_page()
    page.goto(f"{address}/console/sign-in/callback?code=code-stolen&state=theirs&iss={provider.url}")
    expect(page.get_by_role("alert")).to_contain_text("begun elsewhere")
    assert "copilot_session" not in {cookie["name"] for cookie in page.context.cookies()}
    assert "code-stolen" in provider.codes
    page.close()
