"""How much money may move: for one call, for one representative in a day, for everybody in a day."""

from datetime import timedelta

import pytest
from tests.unit.tools.desk import GOODWILL, RITA, SAM, desk
from tests.unit.tools.shop import person

from copilot.adapters.fakes.order_system import Failure
from copilot.domain.actions import ActionStatus
from copilot.domain.errors import LimitReached, OutcomeUnknown, ToolFailed
from copilot.tools.limits import Limits, MoneyLimits

OTHERS = ("LF-1004838", "LF-1004846")


def limited(**money):
    return desk(limits=Limits(call_seconds=1, money=MoneyLimits(**money)))


async def refunded(d, order_id="LF-1004820", amount="20", by=RITA):
    proposal = await d.propose(GOODWILL | {"order_id": order_id, "amount": amount})
    return await d.executor.execute(await d.approvals.approve(by, proposal.id, proposal.digest))


async def test_more_than_one_call_may_pay_out_is_not_even_proposed():
    d = limited(per_call=2000)
    with pytest.raises(LimitReached):
        await d.propose(GOODWILL | {"amount": "20.01"})
    assert (await refunded(d)).status is ActionStatus.SUCCEEDED


async def test_an_edit_does_not_get_around_the_limit_for_one_call():
    d = limited(per_call=2000)
    proposal = await d.propose()
    with pytest.raises(LimitReached):
        await d.approvals.edit(RITA, proposal.id, GOODWILL | {"amount": "20.01"})
    assert (await d.store.get("larkfield", proposal.id)).status is ActionStatus.PROPOSED


async def test_one_representative_pays_out_so_much_a_day():
    d = limited(per_representative_per_day=3000)
    assert (await refunded(d)).status is ActionStatus.SUCCEEDED
    refused = await refunded(d, OTHERS[0])
    assert refused.status is ActionStatus.FAILED
    assert refused.result.error.startswith("The limit for one representative in a day is reached.")
    assert (await refunded(d, OTHERS[0], by=person("rolf"))).status is ActionStatus.SUCCEEDED
    d.clock.forward(timedelta(days=1))
    assert (await refunded(d, OTHERS[1])).status is ActionStatus.SUCCEEDED


async def test_everybody_together_pays_out_so_much_a_day_supervisors_too():
    d = limited(per_day=3000)
    assert (await refunded(d)).status is ActionStatus.SUCCEEDED
    assert (await refunded(d, OTHERS[0], by=SAM)).status is ActionStatus.FAILED
    assert d.orders.done == 1


async def test_what_failed_does_not_count():
    d = limited(per_day=2000)
    d.orders.failures.append(Failure("before", ToolFailed("The card was closed.")))
    assert (await refunded(d)).status is ActionStatus.FAILED
    assert (await refunded(d)).status is ActionStatus.SUCCEEDED


async def test_what_may_have_happened_counts():
    d = limited(per_day=2000)
    d.orders.failures.extend([Failure("before", OutcomeUnknown("timeout"))] * 5)
    assert (await refunded(d)).status is ActionStatus.UNRESOLVED
    assert (await refunded(d, OTHERS[0])).status is ActionStatus.FAILED


async def test_a_change_of_address_moves_no_money():
    d = limited(per_call=0, per_representative_per_day=0, per_day=0)
    address = {"address1": "9 Oak", "city": "Ely", "state": "MN", "country": "USA", "zip": "55731"}
    proposal = await d.propose({"order_id": "LF-1004838"} | address, "modify_pending_order_address")
    approved = await d.approvals.approve(RITA, proposal.id, proposal.digest)
    assert (await d.executor.execute(approved)).status is ActionStatus.SUCCEEDED
