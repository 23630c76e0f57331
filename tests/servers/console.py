"""The whole product over a small part of the demo company, with somebody of every role signed up."""

import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from copilot.bootstrap import open_state
from copilot.config import Settings
from copilot.domain.access import Principal, Role
from copilot.evaluation.local_server import local_server

ROOT = Path(__file__).parents[2]
SCRIPT = '<script>alert("x")</script>'
HOSTILE_TURN = '"><img src=x onerror=alert(1)> Who sells moon cheese?'
BIG_REFUND = {
    "verify": {"email": "sofia.marchetti@example.com", "order_id": "LF-1006212"},
    "text": (
        "Hi, my Copperleaf cookware set came with two dented pans and a cracked lid. Order LF-1006212. "
        "I'd like a refund."
    ),
}
LANTERN = {
    "verify": {"email": "maya.lindqvist@example.com", "order_id": "LF-1004829"},
    "text": "My Northlight Lantern arrived with cracked glass, order LF-1004829. I would like my money back.",
}
_PLAYBOOKS = ("cancel_order", "damaged_item", "exchange_item", "refund_request", "thanks_goodbye")


@dataclass(frozen=True)
class ConsoleServer:
    """A key for each role, of a `second` supervisor, and of the admin of another tenant."""

    address: str
    knowledge: Path
    reports: Path
    keys: dict[Role, str]
    second: str
    outsider: str

    def api(self, role: Role = Role.REPRESENTATIVE) -> httpx.Client:
        return httpx.Client(
            base_url=self.address, headers={"Authorization": f"Bearer {self.keys[role]}"}, timeout=30
        )

    def converse(self, text: str, verify: dict[str, str] | None = None) -> str:
        """A conversation with one customer turn, worked on to its end; its id."""
        with self.api() as api:
            conversation = api.post("/v1/conversations", json={"channel": "chat"}).json()["id"]
            path = f"/v1/conversations/{conversation}"
            if verify:
                assert api.post(f"{path}/customer", json=verify).is_success
            with api.stream("GET", f"{path}/events") as events:
                lines = events.iter_lines()
                next(line for line in lines if line == "event: snapshot")
                api.post(f"{path}/turns", json={"speaker": "customer", "text": text})
                next(line for line in lines if line == "event: revision.done")
        return str(conversation)

    def snapshot(self, conversation: str) -> str:
        """What its panel shows, as JSON."""
        with (
            self.api() as api,
            api.stream("GET", f"/v1/conversations/{conversation}/events") as events,
        ):
            return next(line for line in events.iter_lines() if line.startswith("data:"))

    def proposed(self, case: dict[str, Any]) -> dict[str, Any]:
        """The action that waits after the case's turn; policy leaves BIG_REFUND to a supervisor."""
        conversation = self.converse(case["text"], case["verify"])
        with self.api() as api:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                for action in api.get("/v1/actions").json()["items"]:
                    if action["conversation_id"] == conversation:
                        return dict(action)
                time.sleep(0.1)
        raise AssertionError("no action was proposed")


@asynccontextmanager
async def console_server(folder: Path) -> AsyncIterator[ConsoleServer]:
    knowledge, data, reports = folder / "knowledge", folder / "data", folder / "reports"
    _copy_knowledge(knowledge)
    reports.mkdir()
    async with local_server(data, knowledge, {"reports_dir": reports}) as served:
        settings = Settings(data_dir=data, knowledge_dir=knowledge)
        async with open_state(settings) as state:

            async def key(role: Role, name: str, tenant: str = settings.tenant) -> str:
                who = Principal(id=f"usr_{name.lower()}", tenant_id=tenant, name=name, role=role)
                return await state.api_keys.create(who)

            names = ("Rita", "Sam", "Dana", "Mel", "Helpdesk", "Ada")
            keys = {role: await key(role, name) for role, name in zip(Role, names, strict=True)}
            second = await key(Role.SUPERVISOR, "Omar")
            outsider = await key(Role.ADMIN, "Zoe", "acme")
        yield ConsoleServer(served.address, knowledge, reports, keys, second, outsider)


def _copy_knowledge(knowledge: Path) -> None:
    demo = ROOT / "knowledge"
    for document in demo.glob("articles/*/*polic*.md"):
        place = knowledge / document.relative_to(demo)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(document, place)
    note = "articles/products/vendor-note-fire-pit.md"
    (knowledge / note).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(demo / note, knowledge / note)
    shutil.copytree(demo / "policies", knowledge / "policies")
    shutil.copytree(demo / "shop", knowledge / "shop")
    (knowledge / "playbooks").mkdir()
    for name in _PLAYBOOKS:
        shutil.copy(demo / "playbooks" / f"{name}.yaml", knowledge / "playbooks")
    (knowledge / "articles" / "hostile.md").write_text(
        f"---\nid: hostile\ntitle: '{SCRIPT}'\nowner: '{SCRIPT}'\n---\n\n## Zebra crossing\n\n"
        f"    {SCRIPT} zebra <img src=x onerror=alert(1)>\n\nThe zebra answers within a day.\n"
    )


class Visitor:
    """Somebody with a browser that runs no script."""

    def __init__(self, client: httpx.Client, key: str) -> None:
        self.client = client
        form = self.client.get("/console/sign-in").text
        sent = {"key": key, "csrf": token_in(form)}
        self.signed_in = self.client.post("/console/sign-in", data=sent)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def post(self, path: str, form: dict[str, Any] | None = None, **options: Any) -> httpx.Response:
        """With the token of a page of this session; what a redirect leads to."""
        csrf = token_in(self.client.get("/console/search").text)
        options.setdefault("follow_redirects", True)
        return self.client.post(path, data={"csrf": csrf, **(form or {})}, **options)


@contextmanager
def visiting(server: ConsoleServer, key: str) -> Iterator[Visitor]:
    with httpx.Client(base_url=server.address, timeout=60) as client:
        yield Visitor(client, key)


def token_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, "the page has no form"
    return found[1]
