"""The extension's sign-in at the company's provider, in a real browser's own window for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.e2e.desk import until
from tests.e2e.extension import Browsing, browsing, needs_extension
from tests.servers.faults import serving
from tests.servers.identity_provider import AUDIENCE, EXTENSION_CLIENT, IdentityProvider, identity_provider
from tests.unit.api.world import World

from copilot.adapters.oidc_sign_in import OidcOffer
from copilot.adapters.oidc_tokens import OidcTokens, OidcTrust
from copilot.domain.access import Role
from copilot.server import create_server

pytestmark = needs_extension


@dataclass
class Company:
    """A browser with the extension, a server that nobody is signed in to, and the provider it trusts."""

    chromium: Browsing
    provider: IdentityProvider
    server: str

    def options(self) -> Page:
        """With the server's address in it, and what the server offers."""
        page = self.chromium.options()
        page.fill("#server", self.server)
        page.press("#server", "Tab")
        expect(page.get_by_role("button", name="Sign in with your company account")).to_be_visible()
        return page

    def begin(self, page: Page) -> Page:
        """The window that the browser opens for the provider."""
        with self.chromium.context.expect_page() as opened:
            page.get_by_role("button", name="Sign in with your company account").click()
        return opened.value

    def conversations(self) -> list[dict[str, Any]]:
        """What the server knows, whole."""
        headers = {"Authorization": f"Bearer {self.provider.token()}"}
        with httpx.Client(base_url=self.server, headers=headers) as client:
            listed = client.get("/v1/conversations").json()["items"]
            return [client.get(f"/v1/conversations/{each['id']}").json() for each in listed]

    def kept(self, page: Page) -> dict[str, Any]:
        """All that the extension keeps: in memory, and on the disk."""
        kept: dict[str, Any] = page.evaluate(
            """async () => ({ memory: await chrome.storage.session.get(null),
                              disk: await chrome.storage.local.get(null) })"""
        )
        return kept


@contextmanager
def serving_people(scheme: str) -> Iterator[tuple[World, IdentityProvider, str]]:
    """The server, the provider that it trusts, and the server's address for extensions of such addresses."""
    world = World()
    app = create_server(world, allowed_origins=rf"{scheme}://[a-z0-9-]+")
    with identity_provider() as provider, serving(app) as server:
        provider.asks = True
        trust = OidcTrust(
            issuer=provider.url, audience=AUDIENCE, tenant="larkfield", roles={"desk": Role.REPRESENTATIVE}
        )
        world.person_tokens = tokens = OidcTokens(trust)
        world.sign_in_offer = OidcOffer(tokens, EXTENSION_CLIENT, ("openid", "offline_access"))
        yield world, provider, server.rstrip("/")


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with (
        browsing(tmp_path, signed_in=False) as chromium,
        serving_people("chrome-extension") as (_, provider, server),
    ):
        extension_id = chromium.extension.removeprefix("chrome-extension://")
        provider.extension_callback = f"https://{extension_id}.chromiumapp.org/"
        yield Company(chromium, provider, server)


def test_a_person_signs_in_works_on_is_renewed_and_signs_out(company: Company) -> None:
    page = company.options()
    company.begin(page).get_by_role("link", name="I am Ana").click()
    expect(page.locator("#connection")).to_have_text("Connected")

    kept = company.kept(page)
    first = kept["memory"]["person"]
    assert first["server"] == company.server
    assert "person" not in kept["disk"]
    assert first["accessToken"] not in str(kept["disk"])

    # An hour later: the token has long expired, and nobody is asked anything.
    page.evaluate("person => chrome.storage.session.set({ person })", first | {"expiresAt": 0})
    page.reload()
    expect(page.locator("#connection")).to_have_text("Connected")
    second = company.kept(page)["memory"]["person"]
    assert second["id"] == first["id"]
    assert second["refreshToken"] != first["refreshToken"]

    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#connection")).to_have_text("Not signed in")
    assert second["accessToken"] not in str(company.kept(page))
    assert second["refreshToken"] not in str(company.kept(page))


def test_what_is_said_in_the_page_is_said_by_the_person(company: Company) -> None:
    page = company.options()
    company.begin(page).get_by_role("link", name="I am Ana").click()
    expect(page.locator("#connection")).to_have_text("Connected")
    page.close()

    desk = company.chromium.help_desk("chatwoot")
    panel = company.chromium.open_panel(desk)
    until(lambda: [len(said["turns"]) for said in company.conversations()] == [2], seconds=20)
    (conversation,) = company.conversations()
    assert conversation["representative_id"].startswith("person_")
    panel.expect_conversation(conversation["id"])
    panel.expect_text("Live", seconds=20)


def test_a_window_that_is_closed_changes_nothing(company: Company) -> None:
    page = company.options()
    before = company.kept(page)
    company.begin(page).close()
    expect(page.locator("#connection")).to_have_text("The window was closed. Nothing was changed.")
    assert company.kept(page) == before


def test_who_has_no_role_here_is_told_so_and_not_kept(company: Company) -> None:
    company.provider.claims = {"roles": []}
    page = company.options()
    company.begin(page).get_by_role("link", name="I am Ana").click()
    expect(page.locator("#connection")).to_contain_text("none of the roles")
    assert "person" not in company.kept(page)["memory"]


def test_while_the_provider_is_away_nobody_is_signed_in(company: Company) -> None:
    page = company.options()
    window = company.begin(page)
    expect(window.get_by_role("link", name="I am Ana")).to_be_visible()
    company.provider.down = True
    window.get_by_role("link", name="I am Ana").click()
    expect(page.locator("#connection")).to_have_text(
        "The company's identity provider does not answer. Try again later."
    )


def test_a_server_that_takes_keys_alone_shows_no_button(company: Company) -> None:
    page = company.options()
    page.fill("#server", company.chromium.server)
    page.press("#server", "Tab")
    expect(page.locator("#company")).to_be_hidden()
    expect(page.locator("#token")).to_be_visible()
