"""CRMs of other origins around the widget: our server on one port, each CRM on another host name and port."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from fastapi import Request, Response
from playwright.sync_api import Browser, FrameLocator, Page
from tests.e2e import fake_api
from tests.e2e.fake_api import FakeCopilot, problem

from copilot.console.widget import WidgetHosts, add_widget

ROOT = Path(__file__).parents[2]
HOST_PAGE = ROOT / "docs/widget/host.html"


@dataclass
class Tokens:
    """Mints what `POST /v1/widget/tokens` would; a test says how long they last and takes them back."""

    fake: FakeCopilot
    seconds: float = 600
    minted: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)

    def mint(self, body: dict[str, Any]) -> dict[str, str]:
        self.asked.append(body)
        name = body.get("conversation_id") or body["external"]["id"]
        conversation_id = self.known.get(name) or (name if name in self.fake.conversations else "")
        if not conversation_id:
            conversation_id = self.known[name] = self.fake.create().id
        token = f"cwt_{secrets.token_urlsafe(24)}"
        self.fake.keys.add(token)
        self.minted.append(token)
        expires = datetime.now(UTC) + timedelta(seconds=self.seconds)
        return {"token": token, "conversation_id": conversation_id, "expires_at": expires.isoformat()}

    def end(self) -> None:
        """Every token so far is good no longer, and the streams that they opened end."""
        self.fake.keys -= set(self.minted)
        self.fake.streams_dropped += 1


@contextmanager
def copilot(fake: FakeCopilot, tokens: Tokens, *, hosts: tuple[str, ...]) -> Iterator[str]:
    """Our server with the real widget pages; `hosts` may frame it."""
    plain = fake_api.make_app

    def with_widget(fake: FakeCopilot) -> Any:
        app = plain(fake)
        static = app.routes.pop()  # what is added after a mount at the end would not be reached

        @app.post("/v1/widget/tokens", status_code=201)
        async def mint(request: Request) -> Response:
            if not fake.lets_in(request):
                return problem(401, "The API key is unknown.")
            return Response(json.dumps(tokens.mint(await request.json())), 201, media_type="application/json")

        add_widget(app, WidgetHosts({"larkfield": hosts}, "larkfield"))
        app.routes.append(static)
        return app

    fake_api.make_app = with_widget  # type: ignore[assignment]
    try:
        with fake_api.serving(fake) as address:
            yield address
    finally:
        fake_api.make_app = plain


@dataclass
class Crm:
    """A web server of somebody else's; `pages` by path, `posts` answer its own requests."""

    pages: dict[str, str | bytes] = field(default_factory=dict)
    posts: dict[str, Callable[[str], dict[str, Any] | None]] = field(default_factory=dict)
    address: str = ""


@contextmanager
def crm(site: Crm, host: str = "127.0.0.1") -> Iterator[str]:
    """Serves `site`; `host` is the name that the browser uses, all names being this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = site.pages.get(self.path.partition("?")[0])
            if body is None:
                self.send_error(404)
                return
            kind = "text/javascript" if self.path.endswith(".js") else "text/html"
            kind = "text/css" if self.path.endswith(".css") else kind
            self._answer(200, body.encode() if isinstance(body, str) else body, kind)

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            answer = site.posts[self.path](sent)
            self._answer(403 if answer is None else 200, json.dumps(answer).encode(), "application/json")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    site.address = f"http://{host}:{server.server_port}"
    try:
        yield site.address
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Setting:
    """A CRM's page open in a browser, with our server elsewhere."""

    fake: FakeCopilot
    tokens: Tokens
    server: str
    site: Crm
    page: Page

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe[title=Copilot]")

    def say(self, text: str, *, who: str = "customer", number: int = 1) -> None:
        self.page.evaluate("m => void show(m)", {"from": who, "text": text, "id": number})

    @property
    def turns(self) -> list[tuple[str, str]]:
        found = next(iter(self.fake.conversations.values()), None)
        return [(turn.speaker.value, turn.text) for turn in found.turns] if found else []


@contextmanager
def example_host(browser: Browser, *, listed: bool = True, **page_options: Any) -> Iterator[Setting]:
    """The host page of docs/widget, on an origin of its own, as a CRM's developer would serve it."""
    fake = FakeCopilot()
    tokens = Tokens(fake)
    site = Crm()
    site.posts["/copilot-token"] = lambda name: tokens.mint({"external": {"id": name}})
    with crm(site) as origin, copilot(fake, tokens, hosts=(origin,) if listed else ()) as address:
        server = address.replace("127.0.0.1", "localhost")  # another origin, by host name too
        html = HOST_PAGE.read_text(encoding="utf-8").replace("https://copilot.example.com", server)
        site.pages["/"] = html
        page = browser.new_page(viewport={"width": 1240, "height": 900}, **page_options)
        page.goto(f"{origin}/")
        yield Setting(fake, tokens, server, site, page)
        page.close()
