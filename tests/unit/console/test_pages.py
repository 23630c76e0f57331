"""The pages that the server serves itself."""

import httpx
import pytest
from fastapi import FastAPI

from copilot.console.pages import add_pages


@pytest.fixture
async def browser(tmp_path):
    templates, static = tmp_path / "templates", tmp_path / "static"
    (static / "panel").mkdir(parents=True)
    templates.mkdir()
    (templates / "inbox.html").write_text('<script src="{{ static_url }}/inbox.js?v={{ version }}"></script>')
    (static / "inbox.js").write_text("let x = 1;")
    (tmp_path / "secret.txt").write_text("secret")
    app = FastAPI()
    add_pages(app, templates=templates, static=static)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        client.static = static
        yield client


async def test_the_root_leads_to_the_inbox(browser):
    response = await browser.get("/")

    assert (response.status_code, response.headers["location"]) == (307, "/inbox")


async def test_the_inbox_runs_no_script_but_its_own_files(browser):
    response = await browser.get("/inbox")
    policy = response.headers["content-security-policy"]

    assert response.headers["content-type"].startswith("text/html")
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "/static/inbox.js?v=" in response.text


async def test_the_address_of_a_file_changes_with_its_content(browser):
    before = (await browser.get("/inbox")).text
    assert (await browser.get("/inbox")).text == before
    (browser.static / "inbox.js").write_text("let x = 1234;")

    assert (await browser.get("/inbox")).text != before


async def test_files_with_a_version_are_kept_and_others_are_asked_about(browser):
    kept = await browser.get("/static/inbox.js?v=abc")
    asked = await browser.get("/static/inbox.js")
    again = await browser.get("/static/inbox.js", headers={"If-None-Match": asked.headers["etag"]})
    missing = await browser.get("/static/none.js?v=abc")

    assert "immutable" in kept.headers["cache-control"]
    assert asked.headers["cache-control"] == "no-cache"
    assert again.status_code == 304
    assert missing.status_code == 404
    assert "immutable" not in missing.headers.get("cache-control", "")


@pytest.mark.parametrize(
    "path", ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "panel/../../secret.txt"]
)
async def test_nothing_outside_the_folder_is_served(browser, path):
    response = await browser.get(f"/static/{path}")

    assert response.status_code == 404
    assert "secret" not in response.text
