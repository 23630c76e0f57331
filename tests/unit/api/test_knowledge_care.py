"""Lint, gaps, impact and quarantine over HTTP: who may, and what is handed on."""

from datetime import timedelta

import pytest

from copilot.domain.access import Role
from copilot.domain.care import LintCheck


@pytest.fixture
async def manager(as_role):
    return await as_role(Role.KNOWLEDGE_MANAGER)


async def test_lint_runs_the_checks_that_are_asked_for(manager, world):
    report = (await manager.get("/v1/knowledge/lint?check=stale&check=duplicate&uncited_days=7")).json()
    assert report["findings"][0]["places"][0]["text"] == "24 months"
    await manager.get("/v1/knowledge/lint")
    assert world.care.linted == [
        ("larkfield", {LintCheck.STALE, LintCheck.DUPLICATE}, timedelta(days=7)),
        ("larkfield", set(LintCheck), timedelta(days=30)),
    ]


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
        ("GET", "/v1/knowledge/lint", None),
        ("GET", "/v1/knowledge/documents/a/impact", None),
        ("PATCH", "/v1/knowledge/gaps/gapc_1", {"status": "open"}),
        ("POST", "/v1/knowledge/documents/a/release", {}),
        ("POST", "/v1/knowledge/documents/a/quarantine", {"reason": "x"}),
    ],
)
async def test_representatives_may_not(client, method, path, body):
    assert (await client.request(method, path, json=body)).status_code == 403
