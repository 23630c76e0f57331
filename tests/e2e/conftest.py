from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.e2e.desk import CHROMIUM, PATIENCE_SECONDS, Desk, open_desk
from tests.servers.background import in_background
from tests.servers.demo import demo_server

from copilot.evaluation.local_server import LocalServer

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


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
    with in_background(demo_server(tmp_path_factory.mktemp("data"))) as running:
        yield running
