"""The same extension in Firefox: its sidebar, its pages, and the editors of help desks."""

from collections.abc import Callable, Iterator
from html import unescape

import pytest
from tests.e2e.desk import until
from tests.e2e.extension import editors_page
from tests.e2e.firefox import FirefoxBrowsing, Tab, firefox_browsing, needs_firefox
from tests.e2e.test_insertion import CARET_IS_SET, DRAFT, EDITORS, ORIGIN, REPLY, SITE, words

pytestmark = needs_firefox


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirefoxBrowsing]:
    with firefox_browsing(tmp_path_factory.mktemp("firefox")) as made:
        made.teach(ORIGIN, SITE)
        yield made


@pytest.fixture
def opened(firefox: FirefoxBrowsing) -> Iterator[Callable[[str], Tab]]:
    """Opens a saved page that has been read; it closes whatever happens, or the next one stays unread."""
    tabs: list[Tab] = []

    def open_page(name: str) -> Tab:
        before = len(firefox.fake.conversations)
        tabs.append(firefox.help_desk(name))
        firefox.panel.until(lambda: len(firefox.fake.conversations) == before + 1, "the page was not read")
        firefox.panel.expect_conversation(list(firefox.fake.conversations)[-1])
        return tabs[-1]

    yield open_page
    for tab in tabs:
        tab.close()


@pytest.mark.parametrize("name", ["zendesk", "salesforce", "gmail"])
def test_from_message_to_card_to_reply_box(
    firefox: FirefoxBrowsing, opened: Callable[[str], Tab], name: str
) -> None:
    firefox.fake.scripted = True
    panel, before, writes = firefox.panel, len(firefox.turns()), len(firefox.fake.writes)
    page = opened(name)
    panel.until(lambda: len(firefox.turns()) == before + 2, "the page was not read")
    page.say_next()
    panel.until(lambda: len(firefox.turns()) == before + 3, "the new message was not read")
    panel.expect_answered(firefox.fake, panel.conversation_id())
    panel.expect_text("Summary so far")
    assert firefox.turns()[before:] == [
        ("customer", "My lantern arrived with a cracked globe. Order LF-1004820."),
        ("representative", "I am sorry to hear that."),
        ("customer", "Can I get my money back?"),
    ]
    panel.press("Insert", "copilot-suggestion")
    panel.expect_text("Inserted")
    # The draft for the message before may have been there, and counts as ignored then.
    until(lambda: "used" in [body.get("verdict") for _, body in firefox.fake.writes[writes:]])
    panel.press("Undo", "#question")
    panel.expect_text("Taken back")


def test_a_refund_is_approved_in_the_sidebar(firefox: FirefoxBrowsing, opened: Callable[[str], Tab]) -> None:
    firefox.fake.scripted = True
    before = len(firefox.fake.writes)
    opened("intercom")
    firefox.panel.expect_answered(firefox.fake, firefox.panel.conversation_id())
    firefox.panel.press("Approve", "copilot-next-actions")
    firefox.panel.expect_text("rf_20418")
    # What became of earlier drafts is told when it can be.
    assert [verb for verb, _ in firefox.fake.writes[before:] if verb != "feedback"] == ["approve"]


def test_the_page_and_our_script_in_it_cannot_read_the_key(
    firefox: FirefoxBrowsing, opened: Callable[[str], Tab]
) -> None:
    page = opened("hubspot")
    assert page.evaluate("typeof chrome === 'undefined' && typeof browser === 'undefined'")
    found = page.evaluate(
        f"fetch({firefox.panel.evaluate('location.href')!r}).then((r) => r.status, (e) => 'refused')"
    )
    assert found == "refused"
    assert "test-key" not in firefox.panel.evaluate("chrome.storage.local.get().then(JSON.stringify)")


@pytest.fixture(params=EDITORS)
def editor(firefox: FirefoxBrowsing, request: pytest.FixtureRequest) -> Iterator[Tab]:
    firefox.fake.scripted = False
    known = len(firefox.fake.conversations)
    pages = {
        f"{ORIGIN}/tickets/editors.js": ((editors_page() / "editors.js").read_text(), "text/javascript"),
        f"{ORIGIN}/tickets/{100 + EDITORS.index(request.param)}": (
            (editors_page() / "editors.html").read_text(),
            "text/html",
        ),
    }
    page = firefox.page_at(f"{list(pages)[1]}#{request.param}", pages)
    firefox.panel.until(lambda: bool(page.evaluate("document.documentElement.dataset.ready")), "no editor")
    firefox.panel.until(lambda: len(firefox.fake.conversations) == known + 1, "the page was not read")
    firefox.panel.expect_conversation(list(firefox.fake.conversations)[-1])
    yield page
    sent = page.evaluate("window.sent")
    page.close()
    assert sent == 0, "nothing was sent"


def test_each_editor_takes_a_reply_and_gives_it_back(firefox: FirefoxBrowsing, editor: Tab) -> None:
    panel = firefox.panel

    def expect(text: str) -> None:
        def model() -> str:
            return words(unescape(editor.evaluate("window.model()")))

        panel.until(lambda: model() == words(text), f"the editor holds {model()!r}, not {words(text)!r}")

    panel.insert(REPLY)
    assert panel.outcome() == "ok"
    expect(REPLY)
    panel.press("Undo", "#question")
    expect("")
    editor.click(".composer")
    panel.until(lambda: bool(editor.evaluate(CARET_IS_SET)), "the editor did not take the focus")
    firefox.bidi.type(editor.context, DRAFT)
    expect(DRAFT)
    panel.insert(REPLY)
    panel.press("Append", "#question")
    assert panel.outcome() == "ok"
    expect(f"{DRAFT} {REPLY}")
    panel.press("Undo", "#question")
    expect(DRAFT)
    panel.insert(REPLY)
    panel.press("Replace it", "#question")
    assert panel.outcome() == "ok"
    expect(REPLY)
