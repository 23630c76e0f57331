"""A hostile page gets nothing out of the extension and nothing into it."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from tests.e2e import scene
from tests.e2e.desk import until
from tests.e2e.extension import EXTENSION, SITES, Browsing, browsing, needs_extension
from tests.e2e.fake_api import KEY
from tests.e2e.side_panel import SidePanel

from copilot.domain.assist import Sentence, Support

pytestmark = needs_extension

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>[a](javascript:alert(3))![b](https://evil.example/c.png)"


SAID = 2
"""Messages that stand in the saved page."""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    with browsing(tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture
def page(chromium: Browsing) -> Iterator[Page]:
    chromium.fake.scripted = False
    opened = chromium.help_desk("zendesk")
    yield opened
    opened.close()


@pytest.fixture
def panel(chromium: Browsing, page: Page) -> Iterator[SidePanel]:
    opened = chromium.open_panel(page)
    opened.until(lambda: bool(opened.conversation_id()), "no conversation")
    until(lambda: len(chromium.fake.conversations[opened.conversation_id()].turns) >= SAID)
    yield opened
    opened.close()


def test_the_page_cannot_reach_the_extension(chromium: Browsing, page: Page, panel: SidePanel) -> None:
    found = page.evaluate(
        """async (extension) => {
          const attempt = (work) => new Promise((resolve) => resolve(work())).then((value) => value, (error) => "refused: " + error.message);
          const frame = document.createElement("iframe");
          frame.src = extension + "/sidepanel.html";
          document.body.append(frame);
          await new Promise((resolve) => setTimeout(resolve, 500));
          return {
            storage: typeof chrome === "undefined" || chrome.storage === undefined,
            connect: await attempt(() => chrome.runtime.connect(extension.split("//")[1], { name: "copilot-page" })),
            fetched: await attempt(() => fetch(extension + "/manifest.json").then((r) => r.status)),
            framed: frame.contentDocument === null,
          };
        }""",  # noqa: E501
        chromium.extension,
    )
    assert found["storage"]
    assert found["connect"].startswith("refused")
    assert found["fetched"].startswith("refused")
    frame = page.frames[-1]
    assert "copilot-panel" not in frame.content(), "the panel is not shown in a page's frame"
    manifest = json.loads((EXTENSION / "dist/chrome/manifest.json").read_text())
    assert not {
        "web_accessible_resources",
        "externally_connectable",
        "host_permissions",
        "content_scripts",
    } & set(manifest)


def test_even_our_script_in_the_page_cannot_read_the_key(
    chromium: Browsing, page: Page, panel: SidePanel
) -> None:
    evaluate = chromium.world_of_our_script(page)
    for area in ("session", "local"):
        said = evaluate(f"chrome.storage.{area}.get().then(JSON.stringify, (e) => 'refused: ' + e.message)")
        assert said.startswith("refused"), area
    assert KEY not in page.content()
    options = chromium.options()
    assert KEY not in json.dumps(options.evaluate("chrome.storage.local.get()"))
    assert KEY in json.dumps(options.evaluate("chrome.storage.session.get()"))
    options.close()


def test_the_page_cannot_drive_the_panel(chromium: Browsing, page: Page, panel: SidePanel) -> None:
    before = chromium.turns()
    page.evaluate(
        """() => {
          const forged = { kind: "conversation", seen: { id: "81", channel: "chat", messages: [{ id: "x", speaker: "customer", text: "forged" }] } };
          for (const target of [window, document, document.body]) {
            target.dispatchEvent(new MessageEvent("message", { data: forged }));
            target.dispatchEvent(new CustomEvent("copilot:suggestion-inserted", { detail: { text: "forged", waitUntil() {} } }));
          }
          postMessage(forged, "*");
          // Nor does bending the page's own world reach the script that reads it.
          Element.prototype.querySelectorAll = () => [];
          Document.prototype.querySelectorAll = () => [];
          Array.prototype.map = () => [{ text: "forged" }];
          JSON.stringify = () => "forged";
        }"""  # noqa: E501
    )
    page.evaluate(
        """() => {
          const [template] = document.getElementsByTagName("template");
          template.parentNode.insertBefore(template.content.cloneNode(true), template);
        }"""
    )
    until(lambda: len(chromium.turns()) == len(before) + 1)
    assert " ".join(chromium.turns()[-1][1].split()) == "Can I get my money back?"


def test_only_a_persons_click_picks(chromium: Browsing, page: Page, panel: SidePanel) -> None:
    panel.press("Reads wrongly?", "#site")
    panel.expect_text("click the text of a message that the customer wrote")
    page.evaluate(
        """() => {
          for (const kind of ["pointerdown", "mousedown", "click"]) document.body.dispatchEvent(new MouseEvent(kind, { bubbles: true }));
          document.querySelector("button").click();
        }"""  # noqa: E501
    )
    page.wait_for_timeout(300)
    panel.expect_text("click the text of a message that the customer wrote")
    page.locator("[type=end-user] p:visible").first.click()
    panel.expect_text("a message that you or a colleague wrote")
    panel.press("Cancel", "#question")


def test_markup_stays_text_on_its_way_in_and_out(chromium: Browsing, panel: SidePanel, page: Page) -> None:
    fake = chromium.fake
    page.evaluate(
        "text => { document.querySelector('[data-ticket-id=\"81\"] [type=end-user] p').textContent = text; }",
        MARKUP,
    )
    cid = panel.conversation_id()
    bad = scene.citation("p9", MARKUP, MARKUP, source="javascript:alert(5)")
    sentence = Sentence(text=MARKUP, support=Support.SUPPORTED, citations=(bad,))
    revision = fake.conversations[cid].revision
    fake.publish(
        cid, "suggestion.completed", scene.suggestion(cid, revision, text=MARKUP, sentences=(sentence,))
    )
    panel.expect_text("onerror=alert(1)")
    made = panel.evaluate(
        """(() => {
          const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
          return all(document.body).filter((e) => /^(IMG|SCRIPT|IFRAME)$/.test(e.tagName) || (e.tagName === "A" && e.protocol !== "https:")).length;
        })()"""  # noqa: E501
    )
    assert made == 0
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    panel.press("Insert", "copilot-suggestion")
    panel.expect_text("Inserted")
    composer = page.locator('[data-ticket-id="81"] [contenteditable=true]')
    assert "onerror=alert(1)" in composer.inner_text()
    assert composer.locator("img, script, a").count() == 0
    assert dialogs == []


def test_a_reply_never_lands_in_another_conversation(
    chromium: Browsing, page: Page, panel: SidePanel
) -> None:
    # The page moves on, and our script has not looked yet: it wakes by no timer any more.
    chromium.world_of_our_script(page)(
        """(() => {
          for (let id = setTimeout(() => undefined); id > 0; id -= 1) clearTimeout(id);
          globalThis.setTimeout = () => 1;
        })()"""
    )
    page.evaluate(
        """() => {
          const [other, open] = document.querySelectorAll(".workspace");
          other.style.display = "";
          open.style.display = "none";
        }"""
    )
    panel.insert("For Ana only")
    assert "nother conversation" in panel.outcome()
    assert "For Ana only" not in page.locator("body").inner_text()


def test_saved_pages_load_nothing() -> None:
    for saved in SITES.glob("*.html"):
        assert "<script" not in saved.read_text()
        assert "src=" not in saved.read_text()
