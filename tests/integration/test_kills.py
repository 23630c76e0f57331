"""Servers and PostgreSQL killed while refunds and ingests run, and whether the checks would see a fault."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.kills.checks import refund_problems, step_problems
from tests.kills.clients import document, mixed, whole
from tests.kills.harness import DRAIN_SECONDS, Load, run
from tests.kills.shop import Written
from tests.unit.tools.desk import desk

from copilot.domain.actions import ActionStatus


async def refunded():
    """A refund as it should end, the shop's line for it, and the ledger's steps."""
    d = desk()
    action = await d.executor.execute(await d.approved())
    steps = Counter([(e.subject_id, e.kind) async for e in d.ledger.entries("larkfield")])
    return action, Written(action.call.id, "LF-1004820", 2000, made=True), steps


async def test_a_refund_that_was_made_once_is_no_problem():
    action, made, steps = await refunded()
    asked_twice = replace(made, made=False)
    assert refund_problems([action], [asked_twice, made, asked_twice], {action.id: "LF-1004820"}) == []
    assert step_problems([action], steps) == []


async def test_a_refund_that_is_lost_doubled_or_nobodys_is_found():
    action, made, _ = await refunded()
    told = {action.id: "LF-1004820"}
    cases = {
        "has no refund": ([action], [], told),
        "refunded 2 times": ([action], [made, replace(made, key="call_2")], told),
        "unknown key call_2": ([], [replace(made, key="call_2")], {}),
        "is gone": ([], [], told),
        "was called done": ([action.model_copy(update={"status": ActionStatus.FAILED})], [], told),
        "has a refund": ([action.model_copy(update={"status": ActionStatus.FAILED})], [made], {}),
        "approved was 2000": ([action], [replace(made, minor=1999)], told),
        "without an approval": ([action.model_copy(update={"approvals": ()})], [made], told),
        "twice by one person": (
            [action.model_copy(update={"approvals": action.approvals * 2})],
            [made],
            told,
        ),
        "did not end": ([action.model_copy(update={"status": ActionStatus.APPROVED})], [], {}),
    }
    for said, (actions, book, promised) in cases.items():
        assert any(said in problem for problem in refund_problems(actions, book, promised)), said


async def test_an_approval_that_the_ledger_has_not_or_has_twice_is_found():
    action, _, steps = await refunded()
    for kind in ("approval", "receipt"):
        assert step_problems([action], steps - Counter([(action.id, kind)]))
        assert step_problems([action], steps + Counter([(action.id, kind)]))


def test_half_a_document_an_older_one_and_a_mixture_are_found():
    text = document("QXa1", 3)
    parts = text.split("## ")[1:]
    assert whole("QXa1", 3, parts) == []
    assert "only the parts" in whole("QXa1", 3, parts[:-1])[0]
    assert "acknowledged and is lost" in whole("QXa1", 4, parts)[0]
    assert "of the revisions [2, 3]" in whole("QXa1", 2, [*parts, *document("QXa1", 2).split("## ")[1:]])[0]
    assert mixed(parts) == []
    assert mixed([*parts, *document("QXa1", 2).split("## ")[1:]]) == [2, 3]


@pytest.mark.slow
async def test_servers_and_the_postmaster_are_killed_and_nothing_is_lost_or_doubled(tmp_path):
    report = await run(tmp_path, 12, seed=5, load=Load(desks=3))
    assert report.problems == ()
    assert report.kills == 13
    assert len(report.by_process) == 4
    assert report.refunds == report.actions["succeeded"] >= report.promised_refunds > 0
    assert report.drain_seconds < DRAIN_SECONDS
