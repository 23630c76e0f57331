"""The unpacked extension in Chromium: a message on a page becomes a card, and the card a reply."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from tests.e2e import scene
from tests.e2e.desk import CHROMIUM, until
from tests.e2e.fake_api import KEY, FakeCopilot, serving

DIST = Path(__file__).parents[2] / "extension/dist/chrome"
DESK = """<!doctype html><title>Desk</title>
<div id="thread"></div>
<textarea id="reply"></textarea>
<script>
  function say(who, text) {
    const message = document.createElement("div");
    message.className = "message " + who;
    message.textContent = text;
    document.querySelector("#thread").append(message);
  }
</script>"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not DIST.exists(), reason="the extension is not built: cd extension && npm run build"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is missing: apt-get install chromium"),
]


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def help_desk(folder: Path) -> Iterator[str]:
    (folder / "81").mkdir(parents=True)
    (folder / "81/index.html").write_text(DESK)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def chromium_with_extension(folder: Path) -> Iterator[tuple[BrowserContext, str]]:
    """The built extension with the loopback granted beforehand: nobody is there to press Allow."""
    unpacked = folder / "extension"
    shutil.copytree(DIST, unpacked)
    manifest = json.loads((unpacked / "manifest.json").read_text())
    assert "host_permissions" not in manifest
    (unpacked / "manifest.json").write_text(
        json.dumps(manifest | {"host_permissions": ["http://127.0.0.1/*"]})
    )
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=CHROMIUM,
            headless=True,
            args=["--no-sandbox", f"--disable-extensions-except={unpacked}", f"--load-extension={unpacked}"],
        )
        worker = next(iter(context.service_workers), None) or context.wait_for_event("serviceworker")
        yield context, worker.url.rsplit("/", 1)[0]
        context.close()


def configure(page: Page, server: str, desk: str) -> None:
    page.fill("#server", server)
    page.fill("#token", KEY)
    page.click("text=Save server")
    expect(page.locator("#status")).to_contain_text("Saved")
    page.fill("#origin", desk)
    page.fill("#message", ".message")
    page.fill("#customer", ".customer")
    page.fill("#composer", "#reply")
    page.fill("#conversation", r"/(\d+)/")
    page.click("text=Save page")
    expect(page.locator("#status")).to_contain_text("Saved")


def test_from_a_page_to_a_card_to_the_reply_box(tmp_path: Path) -> None:
    fake = FakeCopilot()
    with (
        serving(fake) as server,
        help_desk(tmp_path / "desk") as desk,
        chromium_with_extension(tmp_path) as (context, extension),
    ):
        options = context.new_page()
        options.goto(f"{extension}/options.html")
        configure(options, server, desk)
        assert KEY not in json.dumps(options.evaluate("chrome.storage.local.get()"))

        panel = context.new_page()
        panel.goto(f"{extension}/sidepanel.html")
        page = context.new_page()
        page.goto(f"{desk}/81/")
        page.bring_to_front()
        page.evaluate("text => say('customer', text)", scene.CUSTOMER_TEXT)
        page.evaluate("say('representative', 'One moment.')")

        until(lambda: bool(fake.conversations) and len(next(iter(fake.conversations.values())).turns) == 2)
        [conversation] = fake.conversations.values()
        assert [(turn.speaker, turn.text) for turn in conversation.turns] == [
            ("customer", scene.CUSTOMER_TEXT),
            ("representative", "One moment."),
        ]
        page.evaluate("say('customer', 'Hello?')")
        suggestion = panel.locator("copilot-suggestion")
        suggestion.get_by_role("button", name="Insert").click()
        expect(page.locator("#reply")).to_have_value(scene.insertable())
        expect(suggestion).to_contain_text("Inserted")

        panel.locator("copilot-next-actions").get_by_role("button", name="Insert").click()
        expect(panel.locator("copilot-panel .toast")).to_contain_text("already a draft")
        expect(page.locator("#reply")).to_have_value(scene.insertable())
