"""Who opens pages too often, or tries to sign in too often, waits."""

import sys
from pathlib import Path

import httpx
import pytest

from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.domain.access import Principal, Role
from copilot.server import create_server

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

from world import World

ADA = Principal(id="usr_ada", tenant_id="larkfield", name="Ada", role=Role.ADMIN)


@pytest.fixture
def world():
    made = World()
    made.rates = MemoryRateLimiter(per_minute=60, burst=5)
    return made


@pytest.fixture
async def browser(world):
    app = create_server(world)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        client.sessions = app.state.console.sessions
        yield client


async def test_pages_count_with_what_the_same_person_asks_of_the_api(browser, world):
    key = await world.api_keys.create(ADA)
    browser.cookies.set("copilot_session", await browser.sessions.sign_in(key))
    headers = {"Authorization": f"Bearer {key}"}
    assert [(await browser.get("/v1/audit", headers=headers)).status_code for _ in range(3)] == [200] * 3
    pages = [await browser.get("/console/audit") for _ in range(3)]

    assert [page.status_code for page in pages] == [200, 200, 429]
    assert pages[2].headers["retry-after"] == "1"
    assert "asked too often" in pages[2].text


async def test_signing_in_is_tried_only_so_often_from_one_address(browser):
    answers = [await browser.post("/console/sign-in", data={"key": "cop_x"}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert (await browser.get("/console/sign-in/company")).status_code == 429
    assert (await browser.get("/console/sign-in/callback")).status_code == 429
    assert (await browser.get("/console/sign-in")).status_code == 200
