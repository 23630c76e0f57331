"""An outside MCP server's tools in our catalog: declared reads run, everything else waits for a person."""

import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.unit.tools.desk import RITA
from tests.unit.tools.shop import NOW, session, shop

from copilot.adapters.fakes.action_store import FakeActionStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.fakes.order_system import OneOrderSystem
from copilot.adapters.mcp_tools import McpServer
from copilot.domain.actions import ActionStatus, ToolEffect
from copilot.domain.errors import (
    DependencyUnavailable,
    InvalidInput,
    OutcomeUnknown,
    PolicyDenied,
    ToolFailed,
)
from copilot.domain.policy import PolicySet
from copilot.prompts import render_text
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import RETAIL_TOOLS, Catalog
from copilot.tools.executor import Executor
from copilot.tools.limits import Limits
from copilot.tools.policy import PolicyEngine
from copilot.tools.remote import remote_tools
from copilot.tools.seals import Seals

SEALS = Seals(b"0" * 32)
SERVER = Path(__file__).parents[1] / "servers" / "crm_mcp.py"
ALLOWED = PolicySet.model_validate(
    {
        "policy": "crm",
        "title": "CRM",
        "rules": [
            {
                "id": "crm.notes",
                "tools": ["crm_add_note", "crm_hang"],
                "outcome": "allow",
                "when": {"fact": "today", "known": True},
                "because": "notes are allowed",
                "clause": {"document": "crm-policy", "version": "1", "clause": "1"},
            }
        ],
    }
)


@asynccontextmanager
async def crm(tmp_path, seconds=5.0):
    server = McpServer(
        "crm",
        command=(sys.executable, str(SERVER), str(tmp_path / "log")),
        effects=dict.fromkeys(("find_note", "long_note", "broken", "die"), ToolEffect.READ),
        seconds=seconds,
        result_bytes=1_000,
    )
    try:
        yield server
    finally:
        await server.close()


async def desk(server):
    catalog = Catalog([*RETAIL_TOOLS, *remote_tools(server, await server.list_tools())])
    ledger, clock, ids, orders = FakeLedgerStore(), FixedClock(NOW), SequentialIds(), shop()
    store, limits = FakeActionStore(ledger), Limits(call_seconds=9, attempts=3, first_pause_seconds=0)
    policy = PolicyEngine([ALLOWED], {}, render_text, require_signatures=False)
    assessor = Assessor(catalog, OneOrderSystem(orders), policy, store, clock)
    return (
        Approvals(assessor, store, ledger, clock, ids, limits, SEALS),
        Executor(assessor, OneOrderSystem(orders), store, clock, ids, limits, SEALS),
    )


def log(tmp_path):
    path = tmp_path / "log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_declared_reads_run_and_everything_else_is_taken_for_a_write(tmp_path):
    async with crm(tmp_path) as server:
        _, executor = await desk(server)
        result = await executor.read(session(), "crm_find_note", {"text": "hi"})
        assert result.data == {"text": "noted hi"}
        with pytest.raises(InvalidInput):  # the server calls it read-only; we go by our own declaration
            await executor.read(session(), "crm_add_note", {"text": "hi"})
    assert [line["tool"] for line in log(tmp_path)] == ["find_note"]


async def test_a_write_waits_for_a_person_and_carries_its_key(tmp_path):
    async with crm(tmp_path) as server:
        approvals, executor = await desk(server)
        action = await approvals.propose(session(), "crm_add_note", {"text": "hello"}, revision=1)
        assert action.preview == "crm: add_note (text hello)"
        assert log(tmp_path) == []
        done = await executor.execute(await approvals.approve(RITA, action.id, action.digest))
    assert done.status is ActionStatus.SUCCEEDED
    (line,) = log(tmp_path)
    assert line["meta"]["copilot/idempotencyKey"] == action.call.id


async def test_a_write_that_no_policy_rule_names_is_denied(tmp_path):
    async with crm(tmp_path) as server:
        specs = [
            s.model_copy(update={"name": "other"}) for s in await server.list_tools() if s.name == "hang"
        ]
        approvals, _ = await desk(server)
        approvals._assessor.catalog._tools.update({t.name: t for t in remote_tools(server, specs)})
        with pytest.raises(PolicyDenied):
            await approvals.propose(session(), "crm_other", {"text": "x"}, revision=1)


async def test_a_write_that_hangs_is_never_sent_twice(tmp_path):
    async with crm(tmp_path, seconds=1.5) as server:
        approvals, executor = await desk(server)
        action = await approvals.propose(session(), "crm_hang", {"text": "x"}, revision=1)
        done = await executor.execute(await approvals.approve(RITA, action.id, action.digest))
        assert done.status is ActionStatus.UNRESOLVED
        assert [line["tool"] for line in log(tmp_path)] == ["hang"]


@pytest.mark.parametrize("arguments", [{}, {"text": 7}, {"text": "x", "more": 1}, {"text": "x" * 30_000}])
async def test_arguments_that_do_not_fit_are_refused_before_they_leave(tmp_path, arguments):
    async with crm(tmp_path) as server:
        _, executor = await desk(server)
        result = await executor.read(session(), "crm_find_note", arguments)
    assert not result.ok
    assert log(tmp_path) == []


async def test_results_are_bounded_and_failures_have_their_names(tmp_path):
    async with crm(tmp_path, seconds=3) as server:
        assert len((await server.call("long_note", {"text": "x"}))["text"]) == 1_000
        with pytest.raises(ToolFailed):
            await server.call("broken", {"text": "x"})
        with pytest.raises(DependencyUnavailable) as read:
            await server.call("die", {"text": "x"})
        assert not isinstance(read.value, OutcomeUnknown)
        with pytest.raises(OutcomeUnknown):
            await server.call("die", {"text": "x"}, key="call_1")
        assert await server.call("find_note", {"text": "again"}) == {"text": "noted again"}


async def test_a_server_that_cannot_be_started_is_unavailable():
    for server in (
        McpServer("crm", command=("/no/such/program",)),
        McpServer("crm", url="http://127.0.0.1:9/mcp"),
    ):
        with pytest.raises(DependencyUnavailable):
            await server.list_tools()
        with pytest.raises(DependencyUnavailable):
            await server.call("x", {})
        await server.close()
