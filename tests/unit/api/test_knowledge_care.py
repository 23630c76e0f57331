"""Lint, gaps, impact and quarantine over HTTP: who may, and what is handed on."""

import asyncio
from datetime import timedelta

import pytest

from copilot.domain.access import Role
from copilot.domain.care import LintCheck

LINT = "/v1/knowledge/lint"


@pytest.fixture
async def manager(as_role):
    return await as_role(Role.KNOWLEDGE_MANAGER)


async def finished(manager):
    """What the checks' address says once none run."""
    async with asyncio.timeout(20):
        while True:
            if not (said := (await manager.get(LINT)).json())["progress"]:
                return said
            await asyncio.sleep(0)


async def test_the_checks_that_are_asked_for_run_in_the_background(manager, world):
    assert (await manager.get(LINT)).status_code == 404
    started = await manager.post(f"{LINT}?check=stale&check=duplicate&uncited_days=7")
    assert started.status_code == 202
    assert started.json()["progress"]["step"] == "beginning"
    report = await finished(manager)
    assert report["findings"][0]["places"][0]["text"] == "24 months"
    assert (report["documents"], report["problem"]) == (1, "")
    await manager.post(LINT)
    await finished(manager)
    assert world.care.linted == [
        ("larkfield", {LintCheck.STALE, LintCheck.DUPLICATE}, timedelta(days=7)),
        ("larkfield", set(LintCheck), timedelta(days=30)),
    ]


async def test_the_last_report_stands_while_they_run_anew_and_when_they_are_stopped(manager, world):
    world.care.linting = asyncio.Event()
    await manager.post(LINT)
    await asyncio.sleep(0)
    first = (await manager.get(LINT)).json()
    assert first["progress"] == {"step": "comparing passages", "done": 3, "total": 8}
    assert first["findings"] is None  # which is not the same as none
    assert (await manager.post(LINT)).json()["progress"]["done"] == 3
    assert len(world.care.linted) == 1
    world.care.linting.set()
    before = await finished(manager)

    world.care.linting.clear()
    await manager.post(LINT)
    await asyncio.sleep(0)
    again = (await manager.get(LINT)).json()
    assert again["progress"]["done"] == 3
    assert again["findings"] == before["findings"]
    assert (await manager.delete(LINT)).status_code == 204
    assert (await manager.get(LINT)).json() == before
    assert (await manager.delete(LINT)).status_code == 204


async def test_checks_that_fail_say_so_and_keep_what_was_found(manager, world):
    await manager.post(LINT)
    before = await finished(manager)
    world.care.linted = None  # a bug
    await manager.post(LINT)
    failed = await finished(manager)
    assert failed == before | {"problem": "The checks failed; the server's log says why."}


async def test_a_gap_is_dismissed_and_no_longer_listed_as_open(manager):
    listed = (await manager.get("/v1/knowledge/gaps?status=open")).json()
    assert [gap["question"] for gap in listed["items"]] == ["Do you ship to Mars?"]
    changed = await manager.patch("/v1/knowledge/gaps/gapc_1", json={"status": "dismissed"})
    assert (changed.json()["status"], changed.json()["changed_by"]) == ("dismissed", "knowledge_manager_1")
    assert (await manager.get("/v1/knowledge/gaps?status=open")).json()["items"] == []
    assert (await manager.patch("/v1/knowledge/gaps/gapc_9", json={"status": "open"})).status_code == 404
    assert (await manager.patch("/v1/knowledge/gaps/gapc_1", json={"status": "done"})).status_code == 422


async def test_release_and_quarantine_name_who_decided(manager, world):
    await manager.put("/v1/knowledge/documents/note", json={"title": "Note", "text": "# Note\n\nText."})
    path = "/v1/knowledge/documents/note"
    assert (await manager.post(f"{path}/release?version=2", json={"reason": "harmless"})).status_code == 200
    assert (await manager.post(f"{path}/quarantine", json={"reason": "wrong prices"})).status_code == 200
    assert (await manager.post(f"{path}/quarantine", json={"reason": " "})).status_code == 422
    assert world.care.quarantine.decisions == [
        ("release", "note", "2", "knowledge_manager_1", "harmless"),
        ("quarantine", "note", None, "knowledge_manager_1", "wrong prices"),
    ]


async def test_impact_of_one_version(manager):
    found = (await manager.get("/v1/knowledge/documents/loyalty-policy/impact?version=1")).json()
    assert (found["external_id"], found["version"], found["present_version"]) == ("loyalty-policy", "1", "2")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", LINT, None),
        ("POST", LINT, None),
        ("DELETE", LINT, None),
        ("GET", "/v1/knowledge/documents/a/impact", None),
        ("PATCH", "/v1/knowledge/gaps/gapc_1", {"status": "open"}),
        ("POST", "/v1/knowledge/documents/a/release", {}),
        ("POST", "/v1/knowledge/documents/a/quarantine", {"reason": "x"}),
    ],
)
async def test_representatives_may_not(client, method, path, body):
    assert (await client.request(method, path, json=body)).status_code == 403
