"""The extension while its server is down, slow, of another version, or refuses the key; and afterwards."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from tests.e2e.desk import until
from tests.e2e.extension import Browsing, browsing, needs_extension, say_next
from tests.e2e.fake_api import KEY, serving

pytestmark = needs_extension


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browsing]:
    with browsing(tmp_path, signed_in=False) as made:
        made.fake.scripted = False
        yield made


def test_what_is_said_while_the_server_is_down_is_sent_once_when_it_is_back(chromium: Browsing) -> None:
    with ExitStack() as running:
        address = running.enter_context(serving(chromium.fake))
        chromium.sign_in(address)
        page = chromium.help_desk("chatwoot")
        panel = chromium.open_panel(page)
        until(lambda: len(chromium.turns()) == 2)
        running.close()
        say_next(page)
        panel.expect_text("cannot be reached")
        panel.expect_text("1 thing waits")
        panel.reload()
        panel.expect_text("cannot be reached")
        with serving(chromium.fake, urlsplit(address).port or 0):
            panel.expect_no_text("cannot be reached")
            until(lambda: len(chromium.turns()) == 3)
            panel.expect_text("Live")
    assert [text for _, text in chromium.turns()][-1] == "Can I get my money back?"
    assert len(chromium.fake.conversations) == 1


def test_a_wrong_key_is_said_and_a_right_one_goes_on(chromium: Browsing) -> None:
    chromium.sign_in(key="wrong")
    options = chromium.options()
    expect(options.locator("#connection")).to_have_text("The server does not accept this key.")
    page = chromium.help_desk("intercom")
    panel = chromium.open_panel(page)
    panel.expect_text("does not accept the key")
    chromium.sign_in()
    page.bring_to_front()
    until(lambda: len(chromium.turns()) == 2)
    panel.expect_no_text("does not accept the key")
    expect(options.locator("#token")).to_have_value("")


def test_who_signs_in_before_the_page_is_ready_is_not_overwritten(tmp_path: Path) -> None:
    with browsing(tmp_path, signed_in=False) as made:
        page = made.context.new_page()
        page.add_init_script(
            """const { get } = chrome.storage.local;
            chrome.storage.local.get = async (...asked) => {
              await new Promise((done) => setTimeout(done, 1000));
              return get.apply(chrome.storage.local, asked);
            };"""
        )
        page.goto(f"{made.extension}/options.html")
        page.fill("#server", made.server)
        page.fill("#token", KEY)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator("#connection")).to_contain_text("Connected")
        expect(page.locator("#server")).to_have_value(made.server)


class _OtherServer(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(b"<h1>Intranet</h1>")

    do_GET = do_POST = _answer  # noqa: N815 - the names that http.server asks for

    def log_message(self, *_: object) -> None:
        pass


def test_another_kind_of_server_is_told_apart(chromium: Browsing) -> None:
    other = ThreadingHTTPServer(("127.0.0.1", 0), _OtherServer)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    chromium.sign_in(f"http://127.0.0.1:{other.server_port}")
    options = chromium.options()
    expect(options.locator("#connection")).to_contain_text("not like a copilot server of this version")
    page = chromium.help_desk("hubspot")
    panel = chromium.open_panel(page)
    panel.expect_text("not like a copilot server of this version")
    chromium.sign_in()
    page.bring_to_front()
    until(lambda: len(chromium.turns()) == 2)
    panel.expect_no_text("not like a copilot server")
    other.shutdown()
    other.server_close()


def test_a_slow_server_is_waited_for(chromium: Browsing) -> None:
    chromium.fake.holds_back = True
    chromium.sign_in()
    page = chromium.help_desk("freshdesk")
    panel = chromium.open_panel(page)
    panel.expect_text("The server is slow to answer")
    chromium.fake.holds_back = False
    until(lambda: len(chromium.turns()) == 2)
    panel.expect_no_text("slow to answer")
    assert len(chromium.fake.conversations) == 1
