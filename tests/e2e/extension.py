"""The built extension in a real Chromium, its real side panel, and saved pages at their real addresses."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, Route, expect, sync_playwright
from tests.e2e.desk import CHROMIUM
from tests.e2e.fake_api import KEY, FakeCopilot, serving
from tests.e2e.side_panel import PATIENCE_SECONDS, SidePanel

EXTENSION = Path(__file__).parents[2] / "extension"
DIST = EXTENSION / "dist/chrome"
SITES = EXTENSION / "test/sites"
EXPECTED: dict[str, dict[str, str]] = json.loads((SITES / "expected.json").read_text())
GRANTED = ("https://*/*", "http://127.0.0.1/*")

needs_extension = [
    pytest.mark.browser,
    pytest.mark.skipif(not DIST.exists(), reason="the extension is not built: cd extension && npm run build"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is missing: apt-get install chromium"),
]


@cache
def editors_page() -> Path:
    """The folder of a page with each editor in it, bundled when first asked for."""
    node = shutil.which("node") or "node"
    subprocess.run([node, "scripts/editors.mjs"], cwd=EXTENSION, check=True)  # noqa: S603
    return EXTENSION / "build/editors"


@dataclass
class ChromiumSidePanel(SidePanel):
    """The browser's side panel. Playwright knows only tabs, so this speaks the browser's own protocol."""

    session: CDPSession
    target: str
    attached: str
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _answers: dict[int, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def find(cls, context: BrowserContext, page: Page) -> "ChromiumSidePanel":
        browser = context.browser
        assert browser is not None
        session = browser.new_browser_cdp_session()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            targets = session.send("Target.getTargets")["targetInfos"]
            found = [
                t["targetId"] for t in targets if t["url"].endswith("/sidepanel.html") and not t["attached"]
            ]
            if found:
                break
            assert time.monotonic() < deadline, "the side panel did not open"
            page.wait_for_timeout(50)
        attached = session.send("Target.attachToTarget", {"targetId": found[0], "flatten": False})[
            "sessionId"
        ]
        panel = cls(session, found[0], attached)
        session.on("Target.receivedMessageFromTarget", panel._receive)
        panel._wait_for("location.protocol === 'chrome-extension:' && document.readyState === 'complete'")
        return panel

    def _receive(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self._answers[message["id"]] = message

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        message = json.dumps({"id": number, "method": method, "params": parameters})
        self.session.send("Target.sendMessageToTarget", {"sessionId": self.attached, "message": message})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while number not in self._answers:
            assert time.monotonic() < deadline, f"the side panel did not answer {method}"
            self.session.send("Target.getTargets")  # lets events arrive
        answer = self._answers.pop(number)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, expression: str) -> Any:
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def reload(self) -> None:
        self.evaluate("void (window.old = true, setTimeout(() => location.reload()))")
        self._wait_for("!window.old && document.readyState === 'complete'")

    def _wait_for(self, standing: str) -> None:
        """Until its page stands; one that comes or goes answers with an error, or not as it should."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(AssertionError):
                if self.evaluate(standing):
                    return
        raise AssertionError("the side panel's page was not loaded")

    def close(self) -> None:
        self.evaluate("void setTimeout(close)")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(
            t["targetId"] == self.target for t in self.session.send("Target.getTargets")["targetInfos"]
        ):
            assert time.monotonic() < deadline, "the side panel did not close"

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, x=x, y=y)


@dataclass
class Browsing:
    """A browser with the extension, signed in to a scripted server."""

    context: BrowserContext
    extension: str
    fake: FakeCopilot
    server: str
    unpacked: Path

    def help_desk(self, name: str) -> Page:
        """The saved page of `name` at its real address; nothing leaves the machine."""
        site = EXPECTED[name]
        return self.page_at(site["url"], (SITES / f"{name}.html").read_text())

    def page_at(self, url: str, html: str) -> Page:
        page = self.context.new_page()

        def answer(route: Route) -> None:
            if route.request.resource_type == "document":
                route.fulfill(body=html, content_type="text/html; charset=utf-8")
            else:
                route.abort()

        page.route("**/*", answer)
        page.goto(url)
        return page

    def options(self) -> Page:
        page = self.context.new_page()
        page.goto(f"{self.extension}/options.html")
        return page

    def sign_in(self, server: str | None = None, key: str = KEY) -> None:
        page = self.options()
        page.fill("#server", server or self.server)
        page.fill("#token", key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator("#sign-out")).to_be_visible()
        expect(page.locator("#token")).to_have_value("")
        page.close()

    def open_panel(self, page: Page) -> ChromiumSidePanel:
        """Opens the side panel beside `page`, as the toolbar's button does."""
        opener = self.options()
        opener.evaluate(
            """() => chrome.windows.getCurrent().then(({ id }) => {
              const button = document.createElement("button");
              button.id = "open-panel";
              button.onclick = () => chrome.sidePanel.open({ windowId: id });
              document.body.prepend(button);
            })"""
        )
        opener.click("#open-panel")
        panel = ChromiumSidePanel.find(self.context, opener)
        opener.close()
        page.bring_to_front()
        return panel

    def teach(self, origin: str, site: dict[str, Any]) -> None:
        """As if the representative had pointed the parts of the page out."""
        page = self.options()
        page.evaluate(
            "([origin, site]) => chrome.storage.local.set({ sites: { [origin]: site } })", [origin, site]
        )
        page.close()

    def world_of_our_script(self, page: Page) -> Callable[[str], Any]:
        """Evaluates where our script runs in the page, which the page's own scripts cannot see."""
        session = self.context.new_cdp_session(page)
        worlds: list[dict[str, Any]] = []
        session.on("Runtime.executionContextCreated", lambda event: worlds.append(event["context"]))
        session.send("Runtime.enable")
        [ours] = [world for world in worlds if world["origin"] == self.extension]

        def evaluate(expression: str) -> Any:
            wanted = {"contextId": ours["id"], "awaitPromise": True, "returnByValue": True}
            answer = session.send("Runtime.evaluate", {"expression": expression, **wanted})
            assert "exceptionDetails" not in answer, answer
            return answer["result"].get("value")

        return evaluate

    def turns(self) -> list[tuple[str, str]]:
        return [(t.speaker, t.text) for c in self.fake.conversations.values() for t in c.turns]


@contextmanager
def browsing(
    folder: Path, granted: tuple[str, ...] = GRANTED, *, signed_in: bool = True
) -> Iterator[Browsing]:
    """The built extension with hosts granted beforehand: nobody is there to press Allow."""
    unpacked = folder / "extension"
    shutil.copytree(DIST, unpacked)
    manifest = json.loads((unpacked / "manifest.json").read_text())
    assert "host_permissions" not in manifest
    (unpacked / "manifest.json").write_text(json.dumps(manifest | {"host_permissions": list(granted)}))
    fake = FakeCopilot()
    with serving(fake) as server, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=CHROMIUM,
            headless=True,
            viewport={"width": 1360, "height": 900},
            args=["--no-sandbox", f"--disable-extensions-except={unpacked}", f"--load-extension={unpacked}"],
        )
        worker = next(iter(context.service_workers), None) or context.wait_for_event("serviceworker")
        made = Browsing(context, worker.url.rsplit("/", 1)[0], fake, server, unpacked)
        if signed_in:
            made.sign_in()
        yield made
        context.close()


def say_next(page: Page) -> None:
    """The customer's next message of a saved page."""
    template = page.locator("template[data-next]")
    template.evaluate("t => t.parentNode.insertBefore(t.content.cloneNode(true), t)")


def expect_composer(page: Page, text: str) -> None:
    composer = page.locator("textarea:visible, [contenteditable=true]:visible").first
    if composer.evaluate("e => e.tagName") == "TEXTAREA":
        expect(composer).to_have_value(text)
    else:
        expect(composer).to_contain_text(" ".join(text.split()), use_inner_text=True)
