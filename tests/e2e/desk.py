"""An inbox with one conversation open, in a real browser, on the scripted API."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.e2e import scene
from tests.e2e.fake_api import KEY, FakeCopilot, serving
from tests.e2e.side_panel import PATIENCE_SECONDS

CHROMIUM = "/usr/bin/chromium"
_BUNDLE = Path(__file__).parents[2] / "src/copilot/console/static/panel/copilot-panel.js"

needs_panel = [
    pytest.mark.browser,
    pytest.mark.skipif(not _BUNDLE.exists(), reason="not built: cd extension && npm ci && npm run build"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is missing: apt-get install chromium"),
]


@dataclass
class Desk:
    """An inbox with one conversation open in it."""

    fake: FakeCopilot
    page: Page
    address: str
    conversation_id: str = ""

    def ask(self, text: str = scene.CUSTOMER_TEXT) -> None:
        """Writes as the customer, and waits until it has come: a new message takes away what was shown."""
        before = self._turns()
        self.page.fill("#customer-text", text)
        self.page.press("#customer-text", "Enter")
        until(lambda: self._turns() > before)

    def _turns(self) -> int:
        return sum(event["type"] == "turn" for event in list(self.fake.events[self.conversation_id]))

    def publish(self, kind: str, data: Any, revision: int | None = None) -> None:
        self.fake.publish(self.conversation_id, kind, data, revision)

    def card(self, name: str) -> Locator:
        return self.page.locator(f"copilot-{name}")

    def feedback(self) -> list[dict[str, Any]]:
        return [body for verb, body in self.fake.writes if verb == "feedback"]


@contextmanager
def open_desk(browser: Browser, **page_options: Any) -> Iterator[Desk]:
    fake = FakeCopilot()
    with serving(fake) as address:
        page = browser.new_page(viewport={"width": 1360, "height": 900}, **page_options)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append("a dialog opened"), dialog.dismiss()))
        page.goto(f"{address}/inbox#key={KEY}")
        page.click("#new")
        expect(page.locator("copilot-status .connection.ok")).to_be_visible()
        yield Desk(fake, page, address, next(iter(fake.conversations)))
        page.close()
        assert problems == []


def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Waits for something that only the server sees."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
