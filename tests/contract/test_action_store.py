"""What every action store does."""

import asyncio
from datetime import timedelta

import pytest
from tests.unit.tools.desk import GOODWILL, LARGE, RITA, desk
from tests.unit.tools.shop import NOW, person

from copilot.adapters.fakes.action_store import FakeActionStore
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.domain.access import Role
from copilot.domain.actions import ActionStatus, Allowance, LedgerRecord
from copilot.domain.errors import ActionNotOpen, Conflict, CopilotError, LimitReached, NotFound
from copilot.tools.ledger import VerifiedLedger, verify_ledger


@pytest.fixture(params=["fake", "sqlite", "postgres"])
async def stores(request, opened):
    """An action store and the ledger that it writes to."""
    if request.param == "fake":
        ledger = FakeLedgerStore()
        yield FakeActionStore(ledger), ledger
        return
    database = await opened(request.param)
    yield SqlActionStore(database), SqlLedgerStore(database)


@pytest.fixture
async def action():
    """A proposal made elsewhere: the store under test has not seen it."""
    return await desk().propose()


def record(kind="proposal"):
    return LedgerRecord(kind=kind, subject_id="act", body={}, at=NOW)


async def kinds(ledger):
    return [entry.kind async for entry in ledger.entries("larkfield")]


async def test_an_action_comes_back_as_it_was(stores, action):
    store, ledger = stores
    await store.add(action, record())
    assert await store.get("larkfield", action.id) == action
    assert (await store.get("larkfield", action.id)).compute_digest() == action.digest
    assert await store.list_for("larkfield", "conv_1") == [action]
    assert await kinds(ledger) == ["proposal"]


async def test_another_tenants_action_does_not_exist(stores, action):
    store, _ = stores
    await store.add(action, record())
    with pytest.raises(NotFound):
        await store.get("acme", action.id)
    assert await store.list_for("acme", "conv_1") == []
    assert await store.list_waiting("acme") == []
    assert await store.in_flight("acme", "maya") == []


async def test_a_change_is_made_only_to_what_was_expected(stores, action):
    store, ledger = stores
    await store.add(action, record())
    approved = action.model_copy(update={"status": ActionStatus.APPROVED})
    await store.replace(approved, record("approval"), expected=ActionStatus.PROPOSED)
    with pytest.raises(ActionNotOpen):
        await store.replace(action, record("approval"), expected=ActionStatus.PROPOSED)
    assert (await store.get("larkfield", action.id)).status is ActionStatus.APPROVED
    assert await kinds(ledger) == ["proposal", "approval"]


async def test_the_same_thing_is_open_once(stores, action):
    store, ledger = stores
    await store.add(action, record())
    twin = action.model_copy(update={"id": "act_twin"})
    with pytest.raises(Conflict):
        await store.add(twin, record())
    assert await kinds(ledger) == ["proposal"]
    rejected = action.model_copy(update={"status": ActionStatus.REJECTED})
    await store.replace(rejected, record("rejection"), expected=ActionStatus.PROPOSED)
    await store.add(twin, record())
    assert [a.id for a in await store.list_waiting("larkfield")] == ["act_twin"]


async def test_lists_by_what_has_to_be_done(stores, action):
    store, _ = stores
    await store.add(action, record())
    waiting, approved, executing, unresolved = (
        ActionStatus.PROPOSED,
        *list(ActionStatus)[2:4],
        ActionStatus.UNRESOLVED,
    )
    seen = []
    before = waiting
    for status in (approved, executing, unresolved):
        await store.replace(action.model_copy(update={"status": status}), record("x"), expected=before)
        before = status
        seen.append(
            (
                len(await store.list_waiting("larkfield")),
                len(await store.unfinished()),
                len(await store.in_flight("larkfield", "maya")),
            )
        )
    assert seen == [(0, 1, 1), (0, 1, 1), (0, 0, 1)]


async def test_waiting_actions_are_paged_oldest_first(stores):
    store, _ = stores
    source = desk()
    for amount in range(1, 6):
        await store.add(await source.propose(GOODWILL | {"amount": amount}), record())
    first = await store.list_waiting("larkfield", limit=3)
    rest = await store.list_waiting("larkfield", after=first[-1].id, limit=3)
    assert [a.amount.minor for a in first + rest] == [100, 200, 300, 400, 500]


async def test_an_edit_is_one_step(stores, action):
    store, ledger = stores
    await store.add(action, record())
    superseded = action.model_copy(update={"status": ActionStatus.SUPERSEDED})
    new = action.model_copy(update={"id": "act_new", "replaces": action.id})
    steps = (record("edit"), new, record("proposal"))
    await store.supersede(superseded, *steps, expected=ActionStatus.PROPOSED)
    assert (await store.get("larkfield", action.id)).status is ActionStatus.SUPERSEDED
    assert [a.id for a in await store.list_waiting("larkfield")] == ["act_new"]
    assert await kinds(ledger) == ["proposal", "edit", "proposal"]
    with pytest.raises(ActionNotOpen):
        await store.supersede(superseded, *steps, expected=ActionStatus.PROPOSED)


async def test_an_edit_that_cannot_end_does_not_begin(stores, action):
    store, ledger = stores
    other = await desk().propose(GOODWILL | {"amount": "21"})
    await store.add(action, record())
    await store.add(other.model_copy(update={"id": "act_other"}), record())
    superseded = action.model_copy(update={"status": ActionStatus.SUPERSEDED})
    twin = other.model_copy(update={"id": "act_twin", "replaces": action.id})
    with pytest.raises(Conflict):
        await store.supersede(
            superseded, record("edit"), twin, record("proposal"), expected=ActionStatus.PROPOSED
        )
    assert (await store.get("larkfield", action.id)).status is ActionStatus.PROPOSED
    assert [a.id for a in await store.list_for("larkfield", "conv_1")] == sorted([action.id, "act_other"])
    assert await kinds(ledger) == ["proposal", "proposal"]


async def test_lists_what_time_has_run_out_for_and_what_nobody_knows_the_end_of(stores, action):
    store, _ = stores
    await store.add(action, record())
    assert await store.overdue(action.expires_at - timedelta(seconds=1)) == []
    assert await store.overdue(action.expires_at) == [action]
    unresolved = action.model_copy(update={"status": ActionStatus.UNRESOLVED})
    await store.replace(unresolved, record("receipt"), expected=ActionStatus.PROPOSED)
    assert await store.overdue(action.expires_at) == []
    assert await store.unresolved() == [unresolved]
    parked = unresolved.model_copy(update={"parked": True})
    await store.replace(parked, record("parked"), expected=ActionStatus.UNRESOLVED)
    assert await store.unresolved() == []
    assert await store.in_flight("larkfield", "maya") == [parked]


async def test_sixteen_approvers_at_once_execute_once(stores):
    store, ledger = stores
    d = desk(store=store, ledger=ledger)
    action = await d.propose()

    async def approve_and_execute(name):
        try:
            approved = await d.approvals.approve(person(name), action.id, action.digest)
            return await d.executor.execute(approved)
        except CopilotError as error:
            return error

    ends = await asyncio.gather(*(approve_and_execute(f"rep {n}") for n in range(16)))
    assert sum(not isinstance(end, CopilotError) for end in ends) == 1
    assert {type(end) for end in ends if isinstance(end, CopilotError)} == {ActionNotOpen}
    assert d.orders.done == 1
    assert isinstance(await verify_ledger(ledger, "larkfield"), VerifiedLedger)


async def test_sixteen_executions_at_once_execute_once(stores):
    store, ledger = stores
    d = desk(store=store, ledger=ledger)
    action = await d.approved()
    # Executors of their own, as if in other processes: no lock in memory is shared.
    others = [desk(store=store, ledger=ledger, orders=d.orders).executor for _ in range(16)]
    ends = await asyncio.gather(*(e.execute(action) for e in others), return_exceptions=True)
    assert sum(not isinstance(end, BaseException) for end in ends) == 1
    assert d.orders.done == 1


async def test_sixteen_supervisors_at_once_are_never_more_than_two_approvals(stores):
    store, ledger = stores
    d = desk(store=store, ledger=ledger)
    action = await d.propose(LARGE)
    await asyncio.gather(
        *(
            d.approvals.approve(person(f"sup {n}", Role.SUPERVISOR), action.id, action.digest)
            for n in range(16)
        ),
        return_exceptions=True,
    )
    approved = await store.get("larkfield", action.id)
    assert approved.status in (ActionStatus.AWAITING_SECOND_APPROVAL, ActionStatus.APPROVED)
    assert len({a.approver_id for a in approved.approvals}) == len(approved.approvals) <= 2


async def test_sixteen_proposals_at_once_are_one(stores):
    store, ledger = stores
    d = desk(store=store, ledger=ledger)
    proposals = await asyncio.gather(*(d.propose() for _ in range(16)))
    assert len({a.id for a in proposals}) == 1
    assert (await kinds(ledger)).count("proposal") == 1
    assert (
        await d.approvals.approve(RITA, proposals[0].id, proposals[0].digest)
    ).status is ActionStatus.APPROVED


def allowance(amount, at_most=100, counter="2026-11-23 USD"):
    return Allowance(counter=counter, amount_minor=amount, at_most_minor=at_most, limit="a day")


async def approved_actions(store, count):
    source = desk()
    actions = []
    for n in range(count):
        action = await source.approved(GOODWILL | {"amount": str(n + 1)})
        await store.add(action, record())
        actions.append(action)
    return actions


async def begin(store, action, *reserve):
    executing = action.model_copy(update={"status": ActionStatus.EXECUTING})
    await store.replace(executing, record("execution"), expected=ActionStatus.APPROVED, reserve=reserve)
    return executing


async def test_what_does_not_fit_a_limit_changes_nothing(stores):
    store, ledger = stores
    one, two = await approved_actions(store, 2)
    await begin(store, one, allowance(60))
    before = await kinds(ledger)
    with pytest.raises(LimitReached, match="a day"):
        await begin(store, two, allowance(1, counter="another"), allowance(41))
    assert await kinds(ledger) == before
    assert (await store.get("larkfield", two.id)).status is ActionStatus.APPROVED
    # Nothing of what came before the limit was kept either.
    await begin(store, two, allowance(100, counter="another"), allowance(40))


async def test_what_failed_gives_back_what_it_reserved_and_only_once(stores):
    store, _ = stores
    one, two, three = await approved_actions(store, 3)
    executing = await begin(store, one, allowance(60))
    failed = executing.model_copy(update={"status": ActionStatus.FAILED})
    await store.replace(failed, record("receipt"), expected=ActionStatus.EXECUTING)
    await begin(store, two, allowance(60))
    await store.replace(failed, record("again"), expected=ActionStatus.FAILED)
    with pytest.raises(LimitReached):
        await begin(store, three, allowance(60))


async def test_a_limit_that_was_lowered_holds_at_once(stores):
    store, _ = stores
    one, two = await approved_actions(store, 2)
    await begin(store, one, allowance(60))
    with pytest.raises(LimitReached):
        await begin(store, two, allowance(1, at_most=50))


async def test_limits_hold_when_many_begin_at_once(stores):
    store, _ = stores
    actions = await approved_actions(store, 16)
    ends = await asyncio.gather(*(begin(store, a, allowance(9)) for a in actions), return_exceptions=True)
    assert sum(isinstance(end, LimitReached) for end in ends) == 5
    assert sum(not isinstance(end, BaseException) for end in ends) == 11
