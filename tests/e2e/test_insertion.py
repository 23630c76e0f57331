"""Replies put into the editors that help desks use, through the whole extension, and taken out again."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route
from tests.e2e.desk import until
from tests.e2e.extension import Browsing, browsing, editors_page, needs_extension
from tests.e2e.side_panel import SidePanel

ORIGIN = "https://editors.example"
SITE = {
    "name": "editors.example",
    "channel": "chat",
    "match": ["editors.example"],
    "conversation": {"address": r"/tickets/(\d+)"},
    "thread": ".thread",
    "message": "p",
    "role": {"customer": ".c"},
    "composer": ".composer",
}
EDITORS = ["react", "prosemirror", "tiptap", "quill", "lexical", "ckeditor", "slate", "plain"]
REPLY = "Hello Ana, it has shipped.\n\nIt arrives on Friday; <b>no</b> need to be home."
DRAFT = "Dear Ana,"
CARET_IS_SET = """((editor) => editor.contains(document.activeElement)
  && [...editor.querySelectorAll(".ck-editor__editable")].every((one) => one.classList.contains("ck-focused"))
)(document.querySelector("#stage"))"""
"""CKEditor sets its caret a moment after the focus, and then says that it has it."""

pytestmark = needs_extension


def words(text: str) -> str:
    return " ".join(text.replace("\ufeff", "").split())


class Box:
    """One editor and the side panel beside it."""

    def __init__(self, page: Page, panel: SidePanel) -> None:
        self.page, self.panel = page, panel

    def model(self) -> str:
        return words(unescape(self.page.evaluate("window.model()")))

    def expect(self, text: str) -> None:
        wanted = words(text)
        self.panel.until(lambda: self.model() == wanted, f"the editor holds {self.model()!r}, not {wanted!r}")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    with browsing(tmp_path_factory.mktemp("chromium")) as made:
        made.fake.scripted = False
        made.teach(ORIGIN, SITE)
        yield made


@pytest.fixture(scope="module")
def panel(chromium: Browsing) -> SidePanel:
    return chromium.open_panel(chromium.context.pages[0])


def serve(route: Route) -> None:
    name = Path(route.request.url.split("#")[0]).name
    route.fulfill(path=editors_page() / ("editors.js" if name == "editors.js" else "editors.html"))


@pytest.fixture(params=EDITORS)
def box(chromium: Browsing, panel: SidePanel, request: pytest.FixtureRequest) -> Iterator[Box]:
    page = chromium.context.new_page()
    page.route("**/*", serve)
    known = len(chromium.fake.conversations)
    page.goto(f"{ORIGIN}/tickets/{100 + EDITORS.index(request.param)}#{request.param}")
    page.locator("html[data-ready]").wait_for()
    page.bring_to_front()
    until(lambda: len(chromium.fake.conversations) == known + 1)
    panel.expect_conversation(list(chromium.fake.conversations)[-1])
    yield Box(page, panel)
    sent = page.evaluate("window.sent")
    page.close()
    assert sent == 0, "nothing was sent"


def test_each_editor_takes_a_reply_and_gives_it_back(box: Box) -> None:
    box.panel.insert(REPLY)
    box.panel.expect_text("Check it, then send it yourself")
    box.expect(REPLY)
    assert box.page.locator("#stage b").count() == 0, "text stays text"
    box.panel.press("Undo", "#question")
    box.expect("")

    box.page.locator(".composer").click()
    box.page.wait_for_function(CARET_IS_SET)
    box.page.keyboard.type(DRAFT)
    box.expect(DRAFT)
    box.panel.insert(REPLY)
    box.panel.expect_text("There is already a draft")
    box.expect(DRAFT)
    box.panel.press("Cancel", "#question")
    assert box.panel.outcome() == "Not inserted."
    box.expect(DRAFT)

    box.panel.insert(REPLY)
    box.panel.press("Append", "#question")
    box.panel.expect_text("Check it, then send it yourself")
    box.expect(f"{DRAFT} {REPLY}")
    box.panel.press("Undo", "#question")
    box.expect(DRAFT)

    box.panel.insert(REPLY)
    box.panel.press("Replace it", "#question")
    box.panel.expect_text("Check it, then send it yourself")
    box.expect(REPLY)
    box.page.locator(".composer").click()
    box.page.keyboard.press("End")
    box.page.keyboard.type(" Robin")
    box.panel.press("Undo", "#question")
    box.panel.expect_text("It was changed since, so it stays")
    assert "Robin" in box.model()
