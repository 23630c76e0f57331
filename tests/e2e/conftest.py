import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.e2e.desk import CHROMIUM, Desk, open_desk

from copilot.evaluation.local_server import LocalServer, local_server

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def desk(browser: Browser) -> Iterator[Desk]:
    with open_desk(browser) as made:
        yield made


@pytest.fixture
def answered(desk: Desk) -> Desk:
    desk.ask()
    expect(desk.card("summary")).to_contain_text("Summary so far")
    return desk


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Playwright's loop has this thread, so the server is looked after by another."""
    ready, done = threading.Event(), threading.Event()
    found: list[LocalServer] = []

    async def serve() -> None:
        async with local_server(tmp_path_factory.mktemp("data"), ROOT / "knowledge") as running:
            found.append(running)
            ready.set()
            await asyncio.to_thread(done.wait)

    def run() -> None:
        with suppress(Exception):
            asyncio.run(serve())
        ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(120)
    assert found, "the server did not start"
    yield found[0]
    done.set()
    thread.join(30)
