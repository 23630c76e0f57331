"""The page about personal data: one administrator proposes, the other approves, and the proof is shown."""

import re
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from copilot.console.app import add_console
from copilot.domain.access import Principal, Role

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

from world import World

FORM = {"kind": "erasures", "customer": "cus_1042", "said": "jo@example.com\n\n17 Elm <b>Close</b>\n"}


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def visit(world):
    """Signs an administrator in; the browser, whose `submit` posts a form of the page that it shows."""
    app = FastAPI()
    add_console(app, world, None)
    opened = []

    async def sign_in(name, role=Role.ADMIN):
        principal = Principal(id=name.lower(), tenant_id="larkfield", name=name, role=role)
        key = await world.api_keys.create(principal)
        browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="https://test", follow_redirects=True
        )
        opened.append(browser)
        browser.headers["Origin"] = "https://test"
        page = (await browser.get("/console/sign-in")).text

        async def submit(path, form=None):
            shown = (await browser.get("/console/privacy")).text
            return await browser.post(path, data={**(form or {}), "csrf": token(shown)})

        await browser.post("/console/sign-in", data={"key": key, "csrf": token(page)})
        browser.submit = submit
        return browser

    yield sign_in
    for browser in opened:
        await browser.aclose()


def token(page):
    found = re.search(r'name="csrf" value="([^"]*)"', page)
    return found[1] if found else ""


async def asked(world):
    """The id of the request."""
    ana = Principal(id="ana", tenant_id="larkfield", name="Ana", role=Role.ADMIN)
    (request,) = await world.privacy.list(ana)
    return request.id


async def test_who_proposes_cannot_approve_and_the_proof_is_shown(visit, world):
    ana, ben = await visit("Ana"), await visit("Ben")
    proposed = (await ana.submit("/console/privacy", FORM)).text
    assert "Proposed, for 1 conversations" in proposed
    assert "Erasure of cus_1042" in proposed
    assert "17 Elm &lt;b&gt;Close&lt;/b&gt;" in proposed
    assert "another administrator must approve it" in proposed
    request = await asked(world)
    approve = f"/console/privacy/erasures/{request}/approve"
    assert approve not in proposed
    assert (await ana.submit(approve)).status_code == 403

    assert approve in (await ben.get("/console/privacy")).text
    assert "done in the background" in (await ben.submit(approve)).text
    await world.privacy.work()

    shown = (await ana.get("/console/privacy")).text
    assert "sha256_of_their_ids" in shown
    assert "decided by Ben" in shown
    assert "cus_1042" not in shown


async def test_an_approved_export_is_a_file(visit, world):
    ana, ben = await visit("Ana"), await visit("Ben")
    await ana.submit("/console/privacy", FORM | {"kind": "exports"})
    request = await asked(world)
    path = f"/console/privacy/exports/{request}"
    assert (await ana.get(f"{path}/document")).status_code == 409
    await ben.submit(f"{path}/approve")

    assert f"{path}/document" in (await ana.get("/console/privacy")).text
    file = await ana.get(f"{path}/document")
    assert file.json() == {"conv_1": {"turns": [{"text": "hello"}]}}
    assert "attachment" in file.headers["content-disposition"]


@pytest.mark.parametrize("form", [FORM | {"kind": "sell"}, FORM | {"customer": " "}, FORM | {"said": "Jo"}])
async def test_a_form_that_names_nobody_or_everybody_is_refused(visit, form):
    assert (await (await visit("Ana")).submit("/console/privacy", form)).status_code == 422


async def test_the_page_is_for_administrators(visit):
    assert (await (await visit("Sam", Role.SUPERVISOR)).get("/console/privacy")).status_code == 403
