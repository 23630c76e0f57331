"""An item is refunded or sent back, and never both, however the two are asked for."""

import pytest
from tests.unit.tools.desk import RITA, desk
from tests.unit.tools.shop import line, order, shop

from copilot.domain.actions import ActionStatus
from copilot.domain.errors import Conflict

REFUND, RETURN, EXCHANGE = "refund_order", "return_delivered_order_items", "exchange_delivered_order_items"
BROKEN = {"order_id": "LF-1004820", "amount": "49", "reason": "damaged_or_defective"}
BACK = {"order_id": "LF-1004820", "item_ids": ["l-red"], "payment_method_id": "card_1"}
SWAP = {**BACK, "new_item_ids": ["l-blue"]}
PAIR = order(items=(line("l-red"), line("t-1")))
TWINS = order(items=(line("l-red"), line("l-red")))


async def done(d, tool, arguments):
    return await d.executor.execute(await d.approved(arguments, tool))


@pytest.mark.parametrize("other", [(RETURN, BACK), (EXCHANGE, SWAP)])
async def test_what_was_refunded_as_broken_is_not_sent_back_too(other):
    tool, arguments = other
    d = desk()
    assert (await done(d, REFUND, BROKEN)).status is ActionStatus.SUCCEEDED

    with pytest.raises(Conflict, match="both refunded and sent back"):
        await d.propose(arguments, tool)


async def test_what_is_on_its_way_back_is_not_refunded_as_broken_too():
    d = desk()
    await done(d, RETURN, BACK)

    with pytest.raises(Conflict, match="both refunded and sent back"):
        await d.propose(BROKEN)


async def test_of_two_open_proposals_only_the_first_that_is_approved_is_carried_out():
    """Somebody who approves all they are shown gives nothing away twice."""
    d = desk()
    refund, back = await d.propose(BROKEN), await d.propose(BACK, RETURN)
    first, second = [await d.approvals.approve(RITA, a.id, a.digest) for a in (refund, back)]

    # An approved action may have been carried out without showing yet, so the other does not follow it.
    ended = [await d.executor.execute(second), await d.executor.execute(first)]

    assert [a.status for a in ended].count(ActionStatus.SUCCEEDED) == 1
    (failed,) = [a for a in ended if a.status is not ActionStatus.SUCCEEDED]
    assert failed.status is ActionStatus.FAILED
    assert "both refunded and sent back" in failed.result.error


async def test_one_item_may_be_refunded_and_another_sent_back():
    d = desk(orders=shop(PAIR))
    tent_back = {**BACK, "item_ids": ["t-1"]}
    assert (await done(d, REFUND, BROKEN)).status is ActionStatus.SUCCEEDED
    assert (await done(d, RETURN, tent_back)).status is ActionStatus.SUCCEEDED


async def test_an_item_among_others_is_known_by_its_price():
    d = desk(orders=shop(PAIR))
    await done(d, REFUND, BROKEN)
    with pytest.raises(Conflict):
        await d.propose(BACK, RETURN)


async def test_of_two_alike_each_is_settled_its_own_way():
    d = desk(orders=shop(TWINS))
    await done(d, REFUND, BROKEN)
    assert (await done(d, RETURN, BACK)).status is ActionStatus.SUCCEEDED


async def test_no_more_than_was_paid_is_given_for_goods_in_all():
    """A refund that is no item's price, and a return of the rest that would then be too much."""
    d = desk(orders=shop(PAIR))
    await done(d, REFUND, {**BROKEN, "amount": "60"})
    with pytest.raises(Conflict):
        await d.propose({**BACK, "item_ids": ["t-1"]}, RETURN)


async def test_goodwill_and_a_late_parcels_fee_settle_no_goods():
    d = desk()
    await done(d, REFUND, {**BROKEN, "amount": "20", "reason": "goodwill"})
    assert (await done(d, RETURN, BACK)).status is ActionStatus.SUCCEEDED
