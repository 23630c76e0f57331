"""Ready hosts, each as its vendor packs it, against a stand-in of the client API the vendor has."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from tests.e2e import scene
from tests.e2e.crm import Crm, Setting, Tokens, copilot, crm
from tests.e2e.desk import needs_panel, until
from tests.e2e.fake_api import KEY, FakeCopilot

BUILT = Path(__file__).parents[2] / "extension/dist/hosts"
SHOWN = """() => {
  const { body } = new DOMParser().parseFromString(desk.editor, "text/html");
  for (const line of body.querySelectorAll("br")) line.replaceWith("\\n");
  return body.textContent;
}"""
"""What a rich editor shows of its HTML."""
STAND_INS = Path(__file__).parent / "hosts"
pytestmark = [
    *needs_panel,
    pytest.mark.skipif(not BUILT.exists(), reason="not built: cd extension && npm run build"),
]


@contextmanager
def framed(browser: Browser, folder: str, start: str, sdk: tuple[str, str], proxy: str) -> Iterator[Setting]:
    """The built app on an origin of its vendor's, whose SDK is our stand-in."""
    fake = FakeCopilot()
    tokens = Tokens(fake)
    site = Crm()
    for path in (p for p in (BUILT / folder).rglob("*") if p.is_file()):
        site.pages[f"/{path.relative_to(BUILT / folder).as_posix()}"] = path.read_bytes()
    address, stand_in = sdk
    site.pages["/stand-in.js"] = (STAND_INS / stand_in).read_text()

    def mint(sent: str) -> dict[str, Any] | None:
        asked = json.loads(sent)
        return tokens.mint(json.loads(asked["data"]) if "data" in asked else asked)

    site.posts[proxy] = mint
    with crm(site) as origin, copilot(fake, tokens, hosts=(origin,)) as server:
        html = site.pages[start].decode()  # type: ignore[union-attr]
        assert address in html
        known = f'<script>window.COPILOT_SERVER = "{server}"</script>'
        site.pages[start] = html.replace("<head>", f"<head>{known}").replace(address, "/stand-in.js")
        page = browser.new_page(viewport={"width": 420, "height": 800})
        page.goto(f"{origin}{start}")
        made = Setting(fake, tokens, server, site, page)
        expect(made.frame.locator("copilot-status")).to_contain_text("Live")
        yield made
        page.close()


@pytest.fixture
def zendesk(browser: Browser) -> Iterator[Setting]:
    sdk = "https://static.zdassets.com/zendesk_app_framework_sdk/2.0/zaf_sdk.min.js"
    with framed(browser, "zendesk", "/assets/iframe.html", (sdk, "zaf_sdk.js"), "/zendesk-proxy") as made:
        yield made


@pytest.fixture
def freshdesk(browser: Browser) -> Iterator[Setting]:
    with framed(
        browser, "freshdesk", "/app/index.html", ("{{{appclient}}}", "fresh_client.js"), "/freshworks-proxy"
    ) as made:
        yield made


def test_zendesk_comments_become_turns_and_a_draft_goes_into_the_editor(zendesk: Setting) -> None:
    page = zendesk.page
    page.evaluate("html => desk.comment(1, 'end-user', html)", f"<p>{scene.CUSTOMER_TEXT}</p>")
    page.evaluate("desk.comment(2, 'agent', '<p>An internal note.</p>', false)")
    expect(zendesk.frame.locator("copilot-summary")).to_contain_text("Summary so far")
    assert zendesk.turns == [("customer", scene.CUSTOMER_TEXT)]

    zendesk.frame.locator("copilot-suggestion").get_by_role("button", name="Insert").click()
    until(lambda: bool(page.evaluate("desk.editor")))
    assert page.evaluate(SHOWN) == scene.insertable()
    (asked,) = zendesk.tokens.asked
    assert asked["external"]["id"] == "zendesk:5158"
    assert asked["external"]["customer_email"] == "elena.ruiz@example.com"
    assert asked["representative"] == {"id": "zendesk-77", "name": "Robin Reyes"}


def test_zendesks_key_is_named_and_never_known_in_the_browser(zendesk: Setting) -> None:
    (request,) = zendesk.page.evaluate("desk.requests")
    assert request["headers"]["Authorization"] == "Bearer {{setting.key}}"
    assert request["secure"] is True
    manifest = json.loads((BUILT / "zendesk/manifest.json").read_text())
    (key,) = (p for p in manifest["parameters"] if p["name"] == "key")
    assert key["secure"] is True
    assert manifest["frameworkVersion"] == "2.0"
    assert set(manifest["location"]["support"]) == {"ticket_sidebar"}


def test_hostile_text_stays_text_in_zendesks_editor(zendesk: Setting) -> None:
    hostile = "<img src=x onerror=alert(1)> & <script>alert(2)</script>"
    zendesk.fake.scripted = False
    page = zendesk.page
    page.evaluate("html => desk.comment(1, 'end-user', html)", f"<p>Hi</p><script>{hostile}</script>")
    until(lambda: zendesk.turns == [("customer", "Hi")])
    conversation_id = next(iter(zendesk.fake.conversations))
    draft = scene.suggestion(conversation_id, 1)
    [first, *_] = draft.sentences
    draft = draft.model_copy(
        update={"text": hostile, "sentences": (first.model_copy(update={"text": hostile}),)}
    )
    zendesk.fake.publish(conversation_id, "suggestion.completed", draft)
    zendesk.frame.locator("copilot-suggestion").get_by_role("button", name="Insert").click()
    until(lambda: bool(page.evaluate("desk.editor")))
    parsed = page.evaluate(
        """() => { const body = new DOMParser().parseFromString(desk.editor, "text/html").body;
        return [body.children.length, body.textContent]; }"""
    )
    assert parsed == [0, hostile]


def test_in_zendesks_chat_mode_the_text_is_appended(zendesk: Setting) -> None:
    page = zendesk.page
    page.evaluate("desk.chatMode = true")
    page.evaluate("html => desk.comment(1, 'end-user', html)", scene.CUSTOMER_TEXT)
    zendesk.frame.locator("copilot-suggestion").get_by_role("button", name="Insert").click()
    until(lambda: bool(page.evaluate("desk.appended")))
    assert page.evaluate("desk.editor") == ""


def test_freshdesk_conversations_become_turns_and_a_draft_goes_into_the_editor(freshdesk: Setting) -> None:
    page = freshdesk.page
    page.evaluate("desk.entry(900, 'We are looking into it.', false)")
    page.evaluate("desk.entry(901, 'A private note.', false, true)")
    page.evaluate("text => desk.entry(902, text, true)", scene.CUSTOMER_TEXT)
    page.evaluate("desk.entry(902, 'told again', true)")
    until(lambda: len(freshdesk.turns) >= 3)  # The ticket's own text has a summary too.
    expect(freshdesk.frame.locator("copilot-summary")).to_contain_text("Summary so far")
    assert freshdesk.turns == [
        ("customer", "My lantern arrived broken."),
        ("representative", "We are looking into it."),
        ("customer", scene.CUSTOMER_TEXT),
    ]
    page.evaluate("desk.editor = 'Hello,<br>'")
    freshdesk.frame.locator("copilot-suggestion").get_by_role("button", name="Insert").click()
    until(lambda: page.evaluate("desk.editor.length") > 20)
    assert page.evaluate(SHOWN) == f"Hello,\n{scene.insertable()}"
    assert freshdesk.tokens.asked[0]["external"]["id"] == "freshdesk:81"


def test_freshdesks_keys_stand_in_request_templates_only(freshdesk: Setting) -> None:
    assert {name for name, _ in freshdesk.page.evaluate("desk.templates")} == {
        "mintToken",
        "getConversations",
    }
    templates = json.loads((BUILT / "freshdesk/config/requests.json").read_text())
    manifest = json.loads((BUILT / "freshdesk/manifest.json").read_text())
    assert set(manifest["modules"]["common"]["requests"]) == set(templates)
    iparams = json.loads((BUILT / "freshdesk/config/iparams.json").read_text())
    assert all(iparams[name]["secure"] for name in ("key", "freshdesk_key"))
    assert "iparam.key" in templates["mintToken"]["schema"]["headers"]["Authorization"]


@contextmanager
def chatwoot(browser: Browser, *, listed: bool = True) -> Iterator[Setting]:
    """Chatwoot's dashboard around our page."""
    fake = FakeCopilot()
    tokens = Tokens(fake)
    site = Crm()
    with crm(site) as origin, copilot(fake, tokens, hosts=(origin,) if listed else ()) as server:
        site.pages["/"] = (
            (STAND_INS / "chatwoot.html").read_text().replace("%APP%", f"{server}/widget/chatwoot")
        )
        page = browser.new_page(viewport={"width": 900, "height": 860})
        page.goto(f"{origin}/")
        yield Setting(fake, tokens, server, site, page)
        page.close()


def test_chatwoots_messages_become_turns_after_signing_in(browser: Browser) -> None:
    with chatwoot(browser) as desk:
        desk.frame.get_by_label("Your API key").fill(KEY)
        desk.page.evaluate("text => message(9001, 0, text)", scene.CUSTOMER_TEXT)
        desk.page.evaluate("message(9002, 1, 'A note of ours.', true)")
        desk.page.evaluate("message(9003, 2, 'Conversation was resolved')")
        desk.frame.get_by_role("button", name="Sign in").click()
        expect(desk.frame.locator("copilot-summary")).to_contain_text("Summary so far")
        assert desk.turns == [("customer", scene.CUSTOMER_TEXT)]
        assert [asked["external"]["id"] for asked in desk.tokens.asked] == ["chatwoot:567"]

        desk.frame.locator("copilot-suggestion").get_by_role("button", name="Insert").click()
        expect(desk.frame.locator("copilot-panel .toast")).to_contain_text("Copied: paste it")
        desk.page.locator("#paste").press("Control+V")
        expect(desk.page.locator("#paste")).to_have_value(scene.insertable())


def test_axe_finds_nothing_serious_where_one_signs_in(browser: Browser) -> None:
    with chatwoot(browser) as desk:
        expect(desk.frame.get_by_label("Your API key")).to_be_visible()
        app = next(frame for frame in desk.page.frames if frame.url.endswith("/widget/chatwoot"))
        found = Axe().run(app)  # type: ignore[arg-type] - a frame has all that it uses
        assert [v["id"] for v in found.response["violations"] if v["impact"] in {"serious", "critical"}] == []


def test_another_chatwoot_conversation_opens_its_own(browser: Browser) -> None:
    with chatwoot(browser) as desk:
        desk.frame.get_by_label("Your API key").fill(KEY)
        desk.frame.get_by_role("button", name="Sign in").click()
        until(lambda: len(desk.tokens.asked) == 1)
        desk.page.evaluate("() => { chat = {...chat, id: 568, messages: []}; tell(); }")
        until(lambda: [a["external"]["id"] for a in desk.tokens.asked] == ["chatwoot:567", "chatwoot:568"])


def test_a_wrong_key_is_said_so_and_asked_for_again(browser: Browser) -> None:
    with chatwoot(browser) as desk:
        desk.frame.get_by_label("Your API key").fill("cop_wrong")
        desk.frame.get_by_role("button", name="Sign in").click()
        expect(desk.frame.locator("#notice")).to_contain_text("The API key is unknown.")
        expect(desk.frame.get_by_label("Your API key")).to_be_visible()


def test_a_page_that_is_not_listed_is_not_chatwoot(browser: Browser) -> None:
    with chatwoot(browser, listed=False) as desk:
        desk.page.wait_for_timeout(500)
        assert desk.frame.locator("#key").count() == 0
