"""`/widget`: whom the browser lets frame it, and what it may load."""

import re

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from copilot.config import Settings
from copilot.console.widget import WidgetHosts, add_widget

HOSTS = {
    "larkfield": ["https://crm.example.com", "http://127.0.0.1:8020"],
    "otherco": ["https://other.example"],
}


@pytest.fixture
async def client(tmp_path):
    (tmp_path / "copilot.js").write_text("var Copilot;")
    app = FastAPI()
    add_widget(app, WidgetHosts(HOSTS, "larkfield"), built=tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://copilot") as client:
        yield client


def policy(response):
    rules = (rule.split() for rule in response.headers["content-security-policy"].split(";"))
    return {name: values for name, *values in rules}


@pytest.mark.parametrize("page", ["/widget", "/widget/chatwoot"])
@pytest.mark.parametrize(
    ("query", "listed"),
    [("", HOSTS["larkfield"]), ("?tenant=otherco", HOSTS["otherco"]), ("?tenant=nobody", [])],
)
async def test_only_the_tenants_pages_may_frame_it(client, page, query, listed):
    response = await client.get(page + query)
    assert policy(response)["frame-ancestors"] == ["'self'", *listed]
    (told,) = re.findall(r'name="copilot-hosts" content="([^"]*)"', response.text)
    assert told.split() == listed


async def test_it_runs_its_own_scripts_and_calls_its_own_api_alone(client):
    rules = policy(await client.get("/widget"))
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == rules["connect-src"] == ["'self'"]
    assert "<script>" not in (await client.get("/widget")).text


@pytest.mark.parametrize("tenant", ["*", "a;script-src *", "../x", "A", "a" * 60])
async def test_an_odd_tenant_is_refused(client, tenant):
    assert (await client.get("/widget", params={"tenant": tenant})).status_code == 422


async def test_the_scripts_may_be_loaded_from_anywhere_and_nothing_else_is_there(client):
    script = await client.get("/widget/copilot.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["access-control-allow-origin"] == "*"
    for path in ("copilot-element.mjs", "../panel/copilot-panel.js", "widget-frame.js", "copilot.d.ts.map"):
        assert (await client.get(f"/widget/{path}")).status_code == 404


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*.example.com",
        "http://crm.example.com",
        "https://crm.example.com/",
        "https://crm.example.com/app",
        "https://crm.example.com 'unsafe-inline'",
        "https://crm.example.com; script-src *",
        "javascript:alert(1)",
        "data:",
        "",
    ],
)
def test_a_setting_that_is_no_exact_origin_is_refused(origin):
    with pytest.raises(ValidationError):
        Settings(widget_hosts={"larkfield": [origin]})
