import asyncio
from datetime import timedelta

import pytest
from tests.unit.tools.desk import GOODWILL, LARGE, RITA, SAM, desk
from tests.unit.tools.shop import MAYA, NOW, order, session, shop

from copilot.adapters.fakes.order_system import Failure
from copilot.domain.actions import ActionStatus
from copilot.domain.commerce import Money, Refund
from copilot.domain.errors import (
    ActionNotOpen,
    DependencyUnavailable,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    SealBroken,
    ToolFailed,
)
from copilot.tools.ledger import VerifiedLedger, verify_ledger


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


async def refunds(d, order_id="LF-1004820"):
    return [str(r.amount) for r in await d.orders.refunds(order_id)]


async def test_an_approved_refund_is_made_once():
    d = desk()
    done = await d.executor.execute(await d.approved())
    assert done.status is ActionStatus.SUCCEEDED
    assert done.result.data["refund"]["idempotency_key"] == done.call.id
    assert await refunds(d) == ["$20.00"]
    assert await d.kinds() == ["proposal", "approval", "execution", "receipt"]
    with pytest.raises(ActionNotOpen):
        await d.executor.execute(done)
    assert await refunds(d) == ["$20.00"]
    assert isinstance(await verify_ledger(d.ledger, "larkfield"), VerifiedLedger)


async def test_what_is_not_approved_is_not_executed():
    d = desk()
    with pytest.raises(ActionNotOpen):
        await d.executor.execute(await d.propose())
    large = await d.propose(LARGE)
    with pytest.raises(ActionNotOpen):
        await d.executor.execute(await d.approvals.approve(RITA, large.id, large.digest))
    assert d.orders.calls == []


@pytest.mark.parametrize(
    "forged",
    [
        {"amount": Money.of(40)},
        {"customer_id": "tom"},
        {"conversation_id": "conv_2"},
        {"approvals": ()},
    ],
)
async def test_what_was_changed_after_the_approval_is_refused(forged):
    d = desk()
    action = await d.approved()
    d.store.put(action.model_copy(update=forged))
    with pytest.raises(SealBroken):
        await d.executor.execute(action)
    assert d.orders.calls == []
    assert (await d.store.get("larkfield", action.id)).status is ActionStatus.FAILED


async def test_a_resealed_call_with_another_approvers_seal_is_refused():
    d = desk()
    action = await d.approved()
    (given,) = action.approvals
    d.store.put(action.model_copy(update={"approvals": (given.model_copy(update={"approver_id": "sam"}),)}))
    with pytest.raises(SealBroken):
        await d.executor.execute(action)


async def test_an_approval_expires():
    d = desk()
    action = await d.approved()
    d.clock.forward(timedelta(minutes=10))
    with pytest.raises(ActionNotOpen, match="expired"):
        await d.executor.execute(action)
    assert d.orders.calls == []


async def test_policy_is_asked_again_at_the_last_moment():
    d = desk()
    one = {"order_id": "LF-1004846", "amount": "90", "reason": "goodwill"}
    first = await d.propose(one)
    action = await d.approvals.approve(RITA, first.id, first.digest)
    await d.orders.refund("LF-1004846", Money.of(189), "goodwill", key="elsewhere 1")
    await d.orders.refund("LF-1004846", Money.of(189), "goodwill", key="elsewhere 2")
    after = await d.executor.execute(action)
    assert after.status is ActionStatus.FAILED
    assert await refunds(d, "LF-1004846") == ["$189.00", "$189.00"]


def desk_with_refunds_of(earlier: Money):
    """Maya was refunded `earlier` most of a year ago; from $500 a year on, a supervisor has to agree."""
    history = Refund(
        id="re_0",
        order_id="LF-1004846",
        amount=earlier,
        reason="goodwill",
        payment_method_id="card_1",
        idempotency_key="old",
        created_at=NOW - timedelta(days=364),
    )
    old = order("LF-1004846").model_copy(update={"refunds": (history,)})
    return desk(orders=shop(order(), old, order("LF-1004838")))


async def test_a_refund_that_has_become_too_much_for_one_year_waits_for_a_supervisor():
    d = desk_with_refunds_of(Money.of(460))
    action = await d.approved(GOODWILL | {"amount": "30"})
    await d.orders.refund("LF-1004838", Money.of(15), "late_delivery", key="elsewhere")
    waiting = await d.executor.execute(action)
    assert waiting.status is ActionStatus.AWAITING_SECOND_APPROVAL
    approved = await d.approvals.approve(SAM, waiting.id, waiting.digest)
    assert (await d.executor.execute(approved)).status is ActionStatus.SUCCEEDED


async def test_two_refunds_at_once_do_not_both_fit_under_a_limit_for_one():
    d = desk_with_refunds_of(Money.of(420))
    proposals = [
        await d.propose({"order_id": o, "amount": "45", "reason": "goodwill"})
        for o in ("LF-1004820", "LF-1004838")
    ]
    actions = [await d.approvals.approve(RITA, p.id, p.digest) for p in proposals]
    ends = await asyncio.gather(*map(d.executor.execute, actions))
    assert sorted(a.status.value for a in ends) == ["awaiting_second_approval", "succeeded"]


async def test_a_refusal_of_the_shop_is_final_and_told():
    d = desk()
    d.orders.failures.append(Failure("before", ToolFailed("The card was closed.")))
    done = await d.executor.execute(await d.approved())
    assert done.status is ActionStatus.FAILED
    assert done.result.error == "The card was closed."


async def test_a_shop_that_is_down_is_asked_again_with_the_same_key():
    d = desk()
    d.orders.failures.extend([Failure("before", DependencyUnavailable("down"))] * 3)
    done = await d.executor.execute(await d.approved())
    assert done.status is ActionStatus.SUCCEEDED
    assert d.orders.calls == [done.call.id] * 4
    assert d.waits == [0.2, 0.4, 0.8]


async def test_a_shop_that_stays_down_ends_in_a_failure_that_did_nothing():
    d = desk()
    down = DependencyUnavailable("The shop is down.", hint="Try again later.", where="http://10.0.0.7/shop")
    d.orders.failures.extend([Failure("before", down)] * 5)
    done = await d.executor.execute(await d.approved())
    assert done.status is ActionStatus.FAILED
    assert done.result.error == "Nothing was done. The shop is down. Try again later."  # not where it is


@pytest.mark.parametrize("error", [OutcomeUnknown("timeout"), KeyError("id"), TimeoutError()])
async def test_an_unknown_outcome_is_looked_up_by_its_key(error):
    d = desk()
    d.orders.failures.append(Failure("after", error))
    done = await d.executor.execute(await d.approved())
    assert done.status is ActionStatus.SUCCEEDED
    assert d.orders.calls == [done.call.id]
    assert await refunds(d) == ["$20.00"]


async def test_an_unknown_outcome_that_did_nothing_is_tried_again_with_the_same_key():
    d = desk()
    d.orders.failures.append(Failure("before", OutcomeUnknown("timeout")))
    done = await d.executor.execute(await d.approved())
    assert done.status is ActionStatus.SUCCEEDED
    assert d.orders.calls == [done.call.id] * 2
    assert await refunds(d) == ["$20.00"]


async def test_an_outcome_that_stays_unknown_is_parked_for_a_person():
    d = desk()
    d.orders.failures.extend([Failure("before", OutcomeUnknown("timeout"))] * 5)
    parked = await d.executor.execute(await d.approved())
    assert parked.status is ActionStatus.UNRESOLVED
    assert await d.propose() == parked  # the same refund cannot be started anew beside it
    assert (await d.executor.reconcile("larkfield", parked.id)).status is ActionStatus.UNRESOLVED
    await d.orders.refund("LF-1004820", Money.of(20), "goodwill", key=parked.call.id)
    assert (await d.executor.reconcile("larkfield", parked.id)).status is ActionStatus.SUCCEEDED


async def test_a_cancellation_whose_answer_was_lost_is_found():
    d = desk()
    d.orders.failures.append(Failure("after", OutcomeUnknown("timeout")))
    arguments = {"order_id": "LF-1004838", "reason": "no longer needed"}
    done = await d.executor.execute(await d.approved(arguments, "cancel_pending_order"))
    assert done.status is ActionStatus.SUCCEEDED
    assert done.result.data["order"]["status"] == "cancelled"
    assert len(d.orders.calls) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("tool", ["refund_order", "modify_pending_order_address"])
async def test_a_kill_between_any_two_steps_neither_loses_nor_doubles(when, tool):
    address = {"address1": "1 Oak", "city": "Ames", "state": "IA", "country": "USA", "zip": "50010"}
    arguments = GOODWILL if tool == "refund_order" else {"order_id": "LF-1004838", **address}
    before_crash = desk()
    action = await before_crash.approved(arguments, tool)
    before_crash.orders.failures.append(Failure(when, Killed()))
    with pytest.raises(Killed):
        await before_crash.executor._execute(action.tenant_id, action.id)
    assert (await before_crash.store.get("larkfield", action.id)).status is ActionStatus.EXECUTING

    d = desk(store=before_crash.store, ledger=before_crash.ledger, orders=before_crash.orders)
    d.clock.forward(timedelta(days=2))  # an intent outlives the expiry of its approval
    (done,) = await d.executor.recover()
    assert done.status is ActionStatus.SUCCEEDED
    assert d.orders.done == 1
    assert set(d.orders.calls) == {action.call.id}
    assert await d.executor.recover() == []


async def test_a_kill_between_approval_and_execution_is_driven_on_or_expires():
    for late, status in ((timedelta(), ActionStatus.SUCCEEDED), (timedelta(hours=1), ActionStatus.EXPIRED)):
        before_crash = desk()
        await before_crash.approved()
        d = desk(store=before_crash.store, ledger=before_crash.ledger, orders=before_crash.orders)
        d.clock.forward(late)
        (done,) = await d.executor.recover()
        assert done.status is status


async def test_an_execution_goes_on_when_the_caller_goes_away():
    d = desk()
    action = await d.approved()
    caller = asyncio.create_task(d.executor.execute(action))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await d.executor.drain()
    assert (await d.store.get("larkfield", action.id)).status is ActionStatus.SUCCEEDED


async def test_reading_answers_in_sentences():
    d = desk()
    found = await d.executor.read(session(), "get_order_details", {"order_id": "LF-1004820"})
    assert found.ok
    anothers = await d.executor.read(session(), "get_order_details", {"order_id": "LF-2000006"})
    assert (anothers.ok, anothers.data) == (False, {})
    assert "no order LF-2000006" in anothers.error
    assert not (await d.executor.read(session(None), "get_user_details", {})).ok
    assert not (await d.executor.read(session(), "get_order_details", {"id": 1})).ok


async def test_reading_never_changes_anything():
    d = desk()
    with pytest.raises(InvalidInput):
        await d.executor.read(session(), "refund_order", GOODWILL)
    with pytest.raises(NotFound):
        await d.executor.read(session(), "refund_everything", {})
    assert MAYA.order_ids
    assert d.orders.calls == []


class Around:
    """An order system around another."""

    def __init__(self, orders):
        self.inner = orders

    def __getattr__(self, name):
        return getattr(self.inner, name)


class BlindAfterALostAnswer(Around):
    """Refunds, loses the answer, refuses the repetition, and cannot be asked what it did."""

    answers = 0

    async def refund(self, *args, key):
        self.answers += 1
        if self.answers > 1:
            raise ToolFailed("This order is refunded already.")
        await self.inner.refund(*args, key=key)
        raise OutcomeUnknown("timeout")

    async def refunds(self, order_id):
        raise DependencyUnavailable("down")


async def test_a_refusal_after_a_lost_answer_is_not_believed_while_nobody_can_look():
    d = desk(orders=BlindAfterALostAnswer(shop()))
    parked = await d.executor.execute(await d.approved())
    assert parked.status is ActionStatus.UNRESOLVED
    d.orders.refunds = d.orders.inner.refunds
    assert (await d.executor.reconcile("larkfield", parked.id)).status is ActionStatus.SUCCEEDED


async def test_a_refund_that_another_process_finishes_meanwhile_counts():
    class MeanwhileElsewhere(Around):
        reads, elsewhere = 0, None

        async def get_order(self, order_id):
            self.reads += 1
            found = await self.inner.get_order(order_id)
            if self.reads == 2 and self.elsewhere is not None:  # the first of all the customer's orders
                await self.elsewhere()
            return found

    one = desk_with_refunds_of(Money.of(420))
    proposals = [
        await one.propose({"order_id": o, "amount": "45", "reason": "goodwill"})
        for o in ("LF-1004820", "LF-1004838")
    ]
    first, second = [await one.approvals.approve(RITA, p.id, p.digest) for p in proposals]
    slow_shop = MeanwhileElsewhere(one.orders)
    other = desk(store=one.store, ledger=one.ledger, orders=slow_shop)

    async def finish_the_first():
        await one.orders.refund("LF-1004820", Money.of(45), "goodwill", key=first.call.id)
        one.store.put(first.model_copy(update={"status": ActionStatus.SUCCEEDED}))

    slow_shop.elsewhere = finish_the_first
    assert (await other.executor.execute(second)).status is ActionStatus.AWAITING_SECOND_APPROVAL
