"""The widget on the whole product: real tokens, the real live path, a CRM of another origin around it."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.crm import HOST_PAGE, Crm, crm
from tests.e2e.desk import needs_panel
from tests.servers.demo import demo_server

from copilot.bootstrap import open_state
from copilot.config import Settings
from copilot.domain.access import Principal, Role

pytestmark = [*needs_panel, pytest.mark.slow]
ASKED = "How long do I have to return a tent?"


@dataclass
class Product:
    address: str
    key: str


@contextmanager
def product(data: Path, origin: str) -> Iterator[Product]:
    """The server in a process of its own, and a CRM's key for it."""
    started, ended = threading.Event(), asyncio.Event()
    made: list[Product] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        system = {"widget_hosts": {"larkfield": [origin]}, "widget_token_minutes": 1}
        async with demo_server(data, system) as server:
            settings = Settings(data_dir=data)
            async with open_state(settings) as state:
                desk = Principal(id="usr_crm", tenant_id=settings.tenant, name="CRM", role=Role.INTEGRATION)
                made.append(Product(server.address, await state.api_keys.create(desk)))
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(300)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(20)
        loop.close()


def test_a_question_in_the_crm_is_answered_with_its_source(browser: Browser, tmp_path: Path) -> None:
    site = Crm()
    with ExitStack() as stack, crm(site) as origin, product(tmp_path, origin) as copilot:
        api = stack.enter_context(
            httpx.Client(base_url=copilot.address, headers={"Authorization": f"Bearer {copilot.key}"})
        )

        def token(name: str) -> dict[str, str]:
            representative = {"id": "usr_robin", "name": "Robin Reyes"}
            body = {"external": {"id": name, "subject": "Tent"}, "representative": representative}
            return api.post("/v1/widget/tokens", json=body).raise_for_status().json()

        site.posts["/copilot-token"] = token
        html = HOST_PAGE.read_text(encoding="utf-8").replace("https://copilot.example.com", copilot.address)
        site.pages["/"] = html
        page = browser.new_page(viewport={"width": 1240, "height": 900})
        failed: list[str] = []
        page.on("response", lambda r: failed.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(f"{origin}/")
        frame = page.frame_locator("iframe[title=Copilot]")
        expect(frame.locator("copilot-status")).to_contain_text("Live")
        page.evaluate("m => void show(m)", {"from": "customer", "text": ASKED, "id": 1})
        suggestion = frame.locator("copilot-suggestion")
        suggestion.get_by_role("button", name="Insert").click()
        expect(page.locator("#reply")).to_have_value(re.compile("days"))
        expect(suggestion).to_contain_text("Inserted")

        kept = api.get(f"/v1/conversations/{token('ticket:81')['conversation_id']}").json()
        assert [(turn["speaker"], turn["text"]) for turn in kept["turns"]] == [("customer", ASKED)]
        assert kept["representative_id"] == "usr_robin"
        assert [line for line in failed if "favicon" not in line] == []
        assert json.dumps(kept).count("cwt_") == 0
        page.close()
