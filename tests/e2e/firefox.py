"""The built extension in a real Firefox and its real sidebar, by WebDriver BiDi, which Firefox speaks."""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.extension import EXPECTED, EXTENSION, GRANTED, SITES
from tests.e2e.fake_api import KEY, FakeCopilot, serving
from tests.e2e.side_panel import PATIENCE_SECONDS, SidePanel
from websockets.sync.client import ClientConnection, connect

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
DIST = EXTENSION / "dist/firefox"
UUID = "11111111-2222-4333-8444-555555555555"
PREFERENCES = {
    "extensions.webextensions.uuids": json.dumps({"copilot@agent-assist.example": UUID}),
    "app.update.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
}

needs_firefox = [
    pytest.mark.browser,
    pytest.mark.skipif(not DIST.exists(), reason="the extension is not built: cd extension && npm run build"),
    pytest.mark.skipif(not FIREFOX, reason="Firefox is missing: apt-get install firefox-esr"),
]

# The protocol lists tabs only. The sidebar's browser gets an id, and the lookup is taught to find it.
_ADOPT_SIDEBAR = """(() => {
  const sidebar = document.getElementById("sidebar")?.contentDocument?.querySelector("#webext-panels-browser");
  if (!sidebar?.currentURI.spec.endsWith("/sidepanel.html")) return null;
  sidebar.permanentKey ??= {};
  const { NavigableManager } = ChromeUtils.importESModule("chrome://remote/content/shared/NavigableManager.sys.mjs");
  const id = NavigableManager.getIdForBrowser(sidebar);
  const manager = Object.getPrototypeOf(NavigableManager);
  const find = manager.getBrowserById;
  manager.getBrowserById = function (wanted) { return wanted === id ? sidebar : find.call(this, wanted); };
  return id;
})()"""  # noqa: E501


class BiDi:
    """One session. Requests for saved pages are answered while waiting for anything else."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = count(1)
        self.pages: dict[str, tuple[str, str]] = {}

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = self._send(method, parameters)
        while True:
            message = json.loads(self._socket.recv(timeout=2 * PATIENCE_SECONDS))
            if message.get("id") == number:
                assert message["type"] == "success", f"{method}: {message.get('message', '')[:500]}"
                result: dict[str, Any] = message["result"]
                return result
            if message.get("method") == "network.beforeRequestSent" and message["params"]["isBlocked"]:
                self._answer(message["params"]["request"])

    def evaluate(self, context: str, expression: str) -> Any:
        wrapped = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        answer = self.call(
            "script.evaluate",
            expression=wrapped,
            target={"context": context},
            awaitPromise=True,
            userActivation=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"]["value"])

    def click(self, context: str, x: float, y: float) -> None:
        steps: list[dict[str, Any]] = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.call(
            "input.performActions",
            context=context,
            actions=[{"type": "pointer", "id": "mouse", "actions": steps}],
        )

    def type(self, context: str, text: str) -> None:
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.call(
            "input.performActions",
            context=context,
            actions=[{"type": "key", "id": "keyboard", "actions": keys}],
        )

    def _send(self, method: str, parameters: dict[str, Any]) -> int:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return number

    def _answer(self, request: dict[str, Any]) -> None:
        body, kind = self.pages.get(request["url"].split("#")[0], ("", "text/plain"))
        headers = [{"name": "Content-Type", "value": {"type": "string", "value": f"{kind}; charset=utf-8"}}]
        answer = {
            "request": request["request"],
            "statusCode": 200 if body else 404,
            "reasonPhrase": "OK",
            "headers": headers,
            "body": {"type": "base64", "value": base64.b64encode(body.encode()).decode()},
        }
        self._send("network.provideResponse", answer)


@dataclass
class FirefoxSidePanel(SidePanel):
    bidi: BiDi
    context: str

    def evaluate(self, expression: str) -> Any:
        return self.bidi.evaluate(self.context, expression)

    def click(self, x: float, y: float) -> None:
        self.bidi.click(self.context, x, y)

    def screenshot(self, path: Path) -> None:
        picture = self.bidi.call("browsingContext.captureScreenshot", context=self.context)["data"]
        path.write_bytes(base64.b64decode(picture))


@dataclass
class Tab:
    bidi: BiDi
    context: str

    def evaluate(self, expression: str) -> Any:
        return self.bidi.evaluate(self.context, expression)

    def say_next(self) -> None:
        self.evaluate(
            """(() => {
              const find = (root) => root.querySelector("template[data-next]")
                ?? [...root.querySelectorAll("*")].map((e) => e.shadowRoot && find(e.shadowRoot)).find(Boolean);
              const template = find(document);
              template.parentNode.insertBefore(template.content.cloneNode(true), template);
            })()"""  # noqa: E501
        )

    def click(self, selector: str) -> None:
        box = self.evaluate(
            f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()"
        )
        self.bidi.click(self.context, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def close(self) -> None:
        self.bidi.call("browsingContext.close", context=self.context)


@dataclass
class FirefoxBrowsing:
    """Firefox with the extension and its sidebar open, signed in to a scripted server."""

    bidi: BiDi
    panel: FirefoxSidePanel
    fake: FakeCopilot
    server: str
    _hosts: set[str] = field(default_factory=set)

    def help_desk(self, name: str) -> Tab:
        site = EXPECTED[name]
        return self.page_at(site["url"], {site["url"]: ((SITES / f"{name}.html").read_text(), "text/html")})

    def page_at(self, url: str, pages: dict[str, tuple[str, str]]) -> Tab:
        host = url.split("/")[2]
        if host not in self._hosts:
            self._hosts.add(host)
            pattern = {"type": "pattern", "hostname": host}
            self.bidi.call("network.addIntercept", phases=["beforeRequestSent"], urlPatterns=[pattern])
        self.bidi.pages |= {address.split("#")[0]: page for address, page in pages.items()}
        tab = Tab(self.bidi, self.bidi.call("browsingContext.create", type="tab")["context"])
        self.bidi.call("browsingContext.navigate", context=tab.context, url=url, wait="complete")
        return tab

    def teach(self, origin: str, site: dict[str, Any]) -> None:
        self.panel.evaluate(
            f"chrome.storage.local.set({{ sites: {{ {json.dumps(origin)}: {json.dumps(site)} }} }})"
        )

    def sign_in(self, server: str, key: str = KEY) -> None:
        self.panel.evaluate(f"chrome.storage.local.set({{ serverUrl: {json.dumps(server)} }})")
        self.panel.evaluate(f"chrome.storage.session.set({{ token: {json.dumps(key)} }})")

    def turns(self) -> list[tuple[str, str]]:
        return [
            (t.speaker, " ".join(t.text.split())) for c in self.fake.conversations.values() for t in c.turns
        ]


@contextmanager
def firefox_browsing(folder: Path) -> Iterator[FirefoxBrowsing]:
    """The built extension with hosts granted beforehand: nobody is there to press Allow."""
    unpacked = folder / "extension"
    shutil.copytree(DIST, unpacked)
    manifest = json.loads((unpacked / "manifest.json").read_text())
    assert "host_permissions" not in manifest
    sidebar = manifest["sidebar_action"] | {"open_at_install": True}
    changed = manifest | {"host_permissions": list(GRANTED), "sidebar_action": sidebar}
    (unpacked / "manifest.json").write_text(json.dumps(changed))
    fake = FakeCopilot()
    with serving(fake) as server, _session(folder) as bidi:
        bidi.call("webExtension.install", extensionData={"type": "path", "path": str(unpacked)})
        made = FirefoxBrowsing(bidi, _sidebar(bidi), fake, server)
        made.sign_in(server)
        yield made


@contextmanager
def _session(folder: Path) -> Iterator[BiDi]:
    profile = folder / "profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    options = ["--headless", "--no-remote", "--remote-debugging-port=0", "--remote-allow-system-access"]
    command = [FIREFOX or "", *options, "--width=1500", "--height=1000", "--profile", str(profile)]
    process = subprocess.Popen(  # noqa: S603 - the browser that was found, and options of ours
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    assert process.stderr is not None
    try:
        address = next(found[1] for line in process.stderr if (found := re.search(r"(ws://\S+)", line)))
        with connect(f"{address}/session", max_size=None) as socket:
            bidi = BiDi(socket)
            bidi.call("session.new", capabilities={})
            bidi.call("session.subscribe", events=["network.beforeRequestSent"])
            yield bidi
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        process.stderr.close()


def _sidebar(bidi: BiDi) -> FirefoxSidePanel:
    tree = bidi.call("browsingContext.getTree", **{"moz:scope": "chrome"})
    window = tree["contexts"][0]["context"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = bidi.evaluate(window, _ADOPT_SIDEBAR)
        if found:
            panel = FirefoxSidePanel(bidi, found)
            while not panel.evaluate("typeof chrome === 'object' && document.readyState === 'complete'"):
                time.sleep(0.05)
            return panel
        time.sleep(0.05)
    raise AssertionError("the sidebar did not open")
