"""What is left half-way ends, in time and without anybody asking."""

import asyncio
from datetime import timedelta

import pytest
from tests.unit.tools.desk import GOODWILL, LARGE, RITA, SAM, desk
from tests.unit.tools.shop import NOW

from copilot.adapters.fakes.order_system import Failure
from copilot.adapters.plain_tracing import PlainTracer
from copilot.domain.actions import ActionStatus
from copilot.domain.errors import (
    ActionNotOpen,
    InvalidInput,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
)
from copilot.ports import trace_names as names
from copilot.tools.ledger import VerifiedLedger, verify_ledger
from copilot.tools.limits import Limits
from copilot.tools.recovery import Recovery, RecoverySchedule

SCHEDULE = RecoverySchedule(looks=3, first_look=timedelta(seconds=10))


class Driver(Recovery):
    """Over a desk; remembers what it told, and lets tests move the clock."""

    def __init__(self, d, **options):
        self.told = []
        self.d = d

        async def tell(action):
            self.told.append((action.id, action.status.value))

        super().__init__(d.executor, d.store, d.clock, options.pop("tell", tell), SCHEDULE, **options)

    async def after(self, **time):
        self.d.clock.forward(timedelta(**time))
        return [(a.id, a.status.value) for a in await self.round()]


async def unresolved(d):
    """A refund of which the shop says nothing, done or not."""
    action = await d.approved()
    executing = action.model_copy(update={"status": ActionStatus.EXECUTING})
    d.store.put(executing)
    result = d.executor._result(action.call, error="The order system did not answer.")
    left = executing.model_copy(update={"status": ActionStatus.UNRESOLVED, "result": result})
    d.store.put(left)
    return left


async def test_a_proposal_that_nobody_decides_expires_and_is_told():
    d = desk()
    driver = Driver(d)
    action = await d.propose()
    assert await driver.after(minutes=29) == []
    assert await driver.after(minutes=1) == [(action.id, "expired")]
    assert driver.told == [(action.id, "expired")]
    assert (await d.kinds())[-1] == "expiry"
    assert await driver.after(hours=1) == []


async def test_a_first_approval_that_waits_too_long_expires():
    d = desk()
    action = await d.approved(LARGE)
    assert await Driver(d).after(hours=4) == [(action.id, "expired")]


async def test_what_was_approved_and_left_is_executed_once():
    d = desk()
    action = await d.approved()
    driver = Driver(d)
    assert await driver.after(seconds=29) == []
    assert await driver.after(seconds=1) == [(action.id, "succeeded")]
    assert await driver.after(minutes=5) == []
    assert d.orders.done == 1


async def test_what_was_left_is_driven_on_although_the_clock_was_set_back():
    d = desk()
    action = await d.approved()
    d.store.put(action.model_copy(update={"status": ActionStatus.EXECUTING}))
    watch = [100.0]
    driver = Driver(d, elapsed=lambda: watch[0])
    assert await driver.after(hours=-1) == []
    watch[0] += 29
    assert await driver.after() == []
    watch[0] += 1
    assert await driver.after() == [(action.id, "succeeded")]
    assert d.orders.done == 1


async def test_an_approval_left_beyond_its_time_is_not_executed():
    d = desk()
    action = await d.approved()
    assert await Driver(d).after(minutes=10) == [(action.id, "expired")]
    assert d.orders.done == 0


async def test_what_was_executing_goes_on_with_its_key():
    d = desk()
    action = await d.approved()
    d.store.put(action.model_copy(update={"status": ActionStatus.EXECUTING}))
    assert await Driver(d).after(seconds=30) == [(action.id, "succeeded")]
    (refund,) = await d.orders.refunds("LF-1004820")
    assert refund.idempotency_key == action.call.id


async def test_a_receipt_that_turns_up_later_ends_it():
    d = desk()
    left = await unresolved(d)
    driver = Driver(d)
    assert await driver.after(seconds=10) == []  # looked, found nothing
    await d.orders.refund("LF-1004820", left.amount, "goodwill", key=left.call.id)
    assert await driver.after(seconds=19) == []  # the next look is 20 s later
    assert await driver.after(seconds=1) == [(left.id, "succeeded")]
    assert d.orders.done == 1


async def test_after_enough_looks_it_is_parked_and_left_alone():
    d = desk()
    left = await unresolved(d)
    driver = Driver(d)
    assert await driver.after(seconds=10) == []
    restarted = Driver(d)  # what was counted is in the store
    assert await restarted.after(seconds=20) == []
    assert await restarted.after(seconds=40) == [(left.id, "unresolved")]
    parked = await d.store.get("larkfield", left.id)
    assert (parked.parked, parked.looked) == (True, 3)
    assert (await d.kinds())[-3:] == ["reconciliation", "reconciliation", "parked"]
    assert await restarted.after(days=1) == []
    assert isinstance(await verify_ledger(d.ledger, "larkfield"), VerifiedLedger)


async def test_an_unresolved_call_is_never_made_again():
    d = desk()
    await unresolved(d)
    calls = len(d.orders.calls)
    driver = Driver(d)
    for _ in range(10):
        await driver.after(minutes=10)
    assert d.orders.calls[calls:] == []
    assert d.orders.done == 0


async def test_a_supervisor_closes_it_by_hand_with_evidence():
    d = desk()
    left = await unresolved(d)
    closed = await d.approvals.resolve(SAM, left.id, ActionStatus.SUCCEEDED, "Refund 7718 in the console")
    assert closed.result.ok
    assert closed.result.data == {"resolved_by": "sam", "evidence": "Refund 7718 in the console"}
    entry = [entry async for entry in d.ledger.entries("larkfield")][-1]
    assert (entry.kind, entry.body["by"], entry.body["status"]) == ("resolution", "sam", "succeeded")
    assert "7718" not in str(entry.body)
    with pytest.raises(ActionNotOpen):
        await d.approvals.resolve(SAM, left.id, ActionStatus.FAILED, "Changed my mind")


async def test_closed_as_failed_it_may_be_proposed_again_under_another_key():
    d = desk()
    left = await unresolved(d)
    assert (await d.propose()).id == left.id
    closed = await d.approvals.resolve(SAM, left.id, ActionStatus.FAILED, "Not in the console")
    assert closed.result.error == f"Closed by {SAM.name}: Not in the console"
    again = await d.propose(GOODWILL)
    assert again.id != left.id
    assert again.call.id != left.call.id


async def test_closing_by_hand_is_for_supervisors_with_evidence_and_unresolved_actions_only():
    d = desk()
    left = await unresolved(d)
    with pytest.raises(NotPermitted):
        await d.approvals.resolve(RITA, left.id, ActionStatus.SUCCEEDED, "Trust me")
    for outcome, evidence in ((ActionStatus.SUCCEEDED, "  "), (ActionStatus.APPROVED, "x")):
        with pytest.raises(InvalidInput):
            await d.approvals.resolve(SAM, left.id, outcome, evidence)
    other = SAM.model_copy(update={"tenant_id": "acme"})
    with pytest.raises(NotFound):
        await d.approvals.resolve(other, left.id, ActionStatus.SUCCEEDED, "x")
    proposed = await d.propose(LARGE)
    with pytest.raises(ActionNotOpen):
        await d.approvals.resolve(SAM, proposed.id, ActionStatus.SUCCEEDED, "x")


async def test_an_outcome_that_stays_unknown_is_looked_for_from_the_beginning():
    d = desk(limits=Limits(attempts=1, call_seconds=1))
    d.orders.failures.append(Failure("before", OutcomeUnknown("no answer")))
    left = await d.executor.execute(await d.approved())
    assert left.status is ActionStatus.UNRESOLVED
    driver = Driver(d)
    assert [await driver.after(seconds=s) for s in (10, 20, 40)] == [[], [], [(left.id, "unresolved")]]


async def test_the_driver_outlives_a_round_that_fails_and_waits_longer():
    d = desk()
    pauses = []

    class Ended(BaseException):
        pass

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 5:
            raise Ended

    class Broken(Driver):
        async def round(self):
            if len(pauses) < 4:
                raise OutcomeUnknown("the database is locked")
            return []

    with pytest.raises(Ended):
        await Broken(d, sleep=sleep).run()
    assert pauses == [5, 10, 20, 40, 5]


async def test_whoever_listens_badly_stops_nothing():
    d = desk()
    one, two = await d.propose(), await d.propose(LARGE)

    async def deaf(_):
        raise RuntimeError("nobody there")

    assert await Driver(d, tell=deaf).after(hours=1) == [(one.id, "expired"), (two.id, "expired")]


async def test_two_drivers_at_once_do_everything_once():
    d = desk()
    action = await d.approved()
    waiting = await d.propose(LARGE)
    d.clock.forward(timedelta(seconds=30))
    first, second = Driver(d), Driver(d)
    d.store.put(waiting.model_copy(update={"expires_at": NOW}))
    await asyncio.gather(first.round(), second.round())
    assert d.orders.done == 1
    assert (await d.kinds()).count("expiry") == 1
    assert (await d.store.get("larkfield", action.id)).status is ActionStatus.SUCCEEDED


async def test_what_is_driven_on_is_counted_with_its_call():
    d, ended, tracer = desk(), [], PlainTracer()
    tracer.listen(ended.append)
    left = await d.approved()
    await Driver(d, tracer=tracer).after(minutes=5)
    (recovery,) = [e for e in ended if e.name == names.RECOVERY]
    assert recovery.attributes[names.ACTION] == left.id
    assert recovery.attributes[names.CONVERSATION] == left.conversation_id
    (call,) = [e for e in ended if e.name == names.execute_tool(left.call.tool)]
    assert call.attributes[names.TOOL_OUTCOME] == "succeeded"


async def test_a_look_for_a_receipt_is_counted_by_its_action():
    d, ended, tracer = desk(), [], PlainTracer()
    tracer.listen(ended.append)
    unknown = await unresolved(d)
    await Driver(d, tracer=tracer).after(minutes=5)
    assert {e.attributes[names.ACTION] for e in ended if e.name == names.RECOVERY} == {unknown.id}
