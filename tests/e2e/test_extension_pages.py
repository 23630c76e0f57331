"""Pages that change while they are read, pages shown by pointing, and pages that are switched off."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.e2e.desk import until
from tests.e2e.extension import Browsing, browsing, needs_extension, say_next

pytestmark = needs_extension

OWN_DESK = """<!doctype html><title>Own desk</title>
<h1>Desk</h1>
<div class="talk">
  <div class="row theirs"><b>Ana</b><p class="words">Where is my tent?</p></div>
  <div class="row ours"><b>Robin</b><p class="words">Let me look.</p></div>
</div>
<p id="preview">&nbsp;</p>
<textarea id="reply"></textarea>"""


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browsing]:
    with browsing(tmp_path) as made:
        made.fake.scripted = False
        yield made


def test_a_page_of_ones_own_is_shown_by_pointing(chromium: Browsing) -> None:
    page = chromium.page_at("https://desk.example/tickets/81", OWN_DESK)
    panel = chromium.open_panel(page)
    panel.press("Show it where things are", "#notice")
    panel.expect_text("a message that the customer wrote")
    page.locator(".theirs .words").click()
    panel.expect_text("a message that you or a colleague wrote")
    page.locator(".ours .words").click()
    panel.expect_text("the box where you write your reply")
    page.locator("#reply").click()
    panel.press("Yes", "#question")
    panel.expect_text("Click where it stands")
    page.locator("#preview").click()
    until(lambda: len(chromium.turns()) == 2)
    assert chromium.turns() == [("customer", "Where is my tent?"), ("representative", "Let me look.")]

    page.evaluate("document.querySelector('#preview').textContent = 'It was to arr'")
    until(lambda: ("customer", "It was to arr") in chromium.fake.typing)
    page.locator("#reply").press_sequentially("Hello A")
    until(lambda: ("representative", "Hello A") in chromium.fake.typing)

    panel.press("Forget this page", "#site")
    panel.expect_text("is not a help desk the copilot knows")


def test_a_page_is_switched_off_and_on(chromium: Browsing) -> None:
    page = chromium.help_desk("intercom")
    panel = chromium.open_panel(page)
    until(lambda: len(chromium.turns()) == 2)
    panel.press("Turn off here", "#site")
    panel.expect_text("app.intercom.com: off")
    say_next(page)
    page.wait_for_timeout(600)
    assert len(chromium.turns()) == 2
    options = chromium.options()
    expect(options.locator("#sites")).to_contain_text("https://app.intercom.com, switched off")
    options.get_by_role("button", name="Turn on https://app.intercom.com").click()
    page.bring_to_front()
    until(lambda: len(chromium.turns()) == 3)


def test_history_edits_and_another_conversation_on_the_same_page(chromium: Browsing) -> None:
    page = chromium.help_desk("chatwoot")
    chromium.open_panel(page)
    until(lambda: len(chromium.turns()) == 2)
    page.evaluate(
        """() => {
          const list = document.querySelector(".conversation-panel");
          const older = list.firstElementChild.cloneNode(true);
          older.querySelector("[data-message-id]").dataset.messageId = "400";
          older.querySelector("[data-message-id]").id = "message400";
          older.querySelector("p").textContent = "An older message";
          list.prepend(older);
          list.querySelector("#message504 .prose p").textContent = "I am very sorry to hear that.";
        }"""
    )
    say_next(page)
    until(lambda: len(chromium.turns()) == 3)
    assert chromium.turns()[-1] == ("customer", "Can I get my money back?")

    # The address changes first, as in single-page applications; the messages a moment later by its own clock.
    page.evaluate(
        """() => {
          history.pushState({}, "", "/app/accounts/3/inbox/5/conversations/82");
          setTimeout(() => {
            const list = document.querySelector(".conversation-panel");
            const first = list.children[1].cloneNode(true);
            first.querySelector("[data-message-id]").dataset.messageId = "600";
            first.querySelector("p").textContent = "Do you sell tents?";
            window.moved = true;
            list.replaceChildren(first);
          }, 1000);
        }"""
    )
    known = len(chromium.fake.conversations)
    while not page.evaluate("window.moved === true"):
        assert known == 1, "the messages of the one are taken for the other's"
        page.wait_for_timeout(50)
        known = len(chromium.fake.conversations)
    until(lambda: len(chromium.fake.conversations) == 2)
    until(lambda: len(chromium.turns()) == 4)
    assert "Do you sell tents?" in chromium.turns()[-1][1]


def test_a_page_without_permission_is_not_read(tmp_path: Path) -> None:
    with browsing(tmp_path, granted=("http://127.0.0.1/*",)) as made:
        page = made.help_desk("zendesk")
        panel = made.open_panel(page)
        panel.expect_text("Press the copilot's button in the toolbar")
        assert made.fake.conversations == {}
