"""A customer's message on each help desk's page becomes a card in the side panel, and the card a reply."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect
from tests.e2e import scene
from tests.e2e.desk import until
from tests.e2e.extension import (
    EXPECTED,
    Browsing,
    ChromiumSidePanel,
    browsing,
    expect_composer,
    needs_extension,
    say_next,
)

pytestmark = needs_extension

SAID = [
    ("customer", "My lantern arrived with a cracked globe. Order LF-1004820."),
    ("representative", "I am sorry to hear that."),
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    with browsing(tmp_path_factory.mktemp("chromium")) as made:
        yield made


@contextmanager
def _beside(chromium: Browsing, page: Page) -> Iterator[ChromiumSidePanel]:
    """The side panel beside `page`; both close whatever happens, or the next page finds no panel."""
    panel = chromium.open_panel(page)
    try:
        yield panel
    finally:
        page.close()
        panel.close()


def _said(made: Browsing) -> list[tuple[str, str]]:
    last = list(made.fake.conversations.values())[-1]
    return [(turn.speaker, " ".join(turn.text.split())) for turn in last.turns]


@pytest.mark.parametrize("name", EXPECTED)
def test_from_message_to_card_to_reply_box(chromium: Browsing, name: str) -> None:
    fake = chromium.fake
    before, feedback = len(fake.conversations), len(fake.writes)
    page = chromium.help_desk(name)
    with _beside(chromium, page) as panel:
        until(lambda: len(fake.conversations) == before + 1 and len(_said(chromium)) == len(SAID))
        assert _said(chromium) == SAID
        assert list(fake.conversations.values())[-1].channel == EXPECTED[name]["channel"]

        say_next(page)
        until(lambda: len(_said(chromium)) == len(SAID) + 1)
        panel.expect_answered(fake, list(fake.conversations)[-1])
        panel.expect_text("Summary so far")
        assert _said(chromium) == [*SAID, ("customer", "Can I get my money back?")]
        panel.press("Insert", "copilot-suggestion")
        panel.expect_text("Inserted")
        expect_composer(page, scene.insertable())
        # The draft for the message before may have been there, and counts as ignored then.
        until(lambda: "used" in [body.get("verdict") for _, body in fake.writes[feedback:]])

        panel.press("Undo", "#question")
        expect(page.locator("body")).not_to_contain_text(scene.insertable()[:40])
        assert len(_said(chromium)) == len(SAID) + 1, "nothing is said twice"
