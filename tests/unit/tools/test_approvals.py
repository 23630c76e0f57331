from datetime import timedelta

import pytest
from tests.unit.tools.desk import GOODWILL, LARGE, RITA, SAM, desk
from tests.unit.tools.shop import TOM, person, session

from copilot.domain.access import Role
from copilot.domain.actions import ActionStatus, PolicyOutcome
from copilot.domain.errors import (
    ActionNotOpen,
    CustomerNotVerified,
    InvalidInput,
    NotFound,
    NotPermitted,
    PolicyDenied,
    SealBroken,
    SecondApproverNeeded,
)
from copilot.tools.ledger import VerifiedLedger, verify_ledger

TOO_LATE = {"order_id": "LF-1004820", "item_ids": ["l-red"], "payment_method_id": "card_1"}


async def test_a_proposal_shows_what_would_happen_and_why_it_may():
    action = await desk().propose()
    assert action.preview == "Refund $20.00 to Visa …8421 for LF-1004820: goodwill"
    assert str(action.amount) == "$20.00"
    assert action.decision.outcome is PolicyOutcome.ALLOW
    assert action.digest == action.compute_digest()
    assert action.call.arguments == {
        "order_id": "LF-1004820",
        "amount": "20.00",
        "reason": "goodwill",
        "note": "",
    }


async def test_one_person_approves_a_small_refund():
    d = desk()
    assert (await d.approved()).status is ActionStatus.APPROVED
    assert await d.kinds() == ["proposal", "approval"]


async def test_what_policy_denies_cannot_be_proposed_but_can_be_shown():
    d = desk()
    lost = GOODWILL | {"reason": "lost_parcel"}
    assessment = await d.approvals.assess(session(), "refund_order", lost)
    assert assessment.decision.outcome is PolicyOutcome.DENY
    assert assessment.plan.preview.startswith("Refund $20.00")
    with pytest.raises(PolicyDenied, match="was delivered") as denied:
        await d.propose(lost)
    assert denied.value.decision.findings[-1].clause.clause == "3.4"
    assert await d.kinds() == ["denial"]


async def test_another_customers_order_cannot_be_proposed():
    with pytest.raises(NotFound):
        await desk().propose(GOODWILL | {"order_id": "LF-2000006"})
    with pytest.raises(CustomerNotVerified):
        await desk().propose(of=session(None))


async def test_a_tool_that_reads_needs_no_proposal():
    with pytest.raises(InvalidInput, match="only reads"):
        await desk().propose({"order_id": "LF-1004820"}, "get_order_details")


async def test_the_same_thing_is_proposed_once_while_it_is_open():
    d = desk()
    first = await d.propose()
    assert await d.propose(GOODWILL | {"amount": "$20.00"}) == first
    assert (await d.propose(of=session(conversation="conv_2"))).id != first.id
    await d.approvals.reject(RITA, first.id, "no")
    assert (await d.propose()).id != first.id


async def test_an_expired_proposal_does_not_stand_in_the_way_of_a_new_one():
    d = desk()
    first = await d.propose()
    d.clock.forward(timedelta(minutes=31))
    assert (await d.propose()).id != first.id
    assert (await d.approvals.get(RITA, first.id)).status is ActionStatus.EXPIRED


async def test_four_eyes():
    d = desk()
    action = await d.propose(LARGE)
    assert action.decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR
    first = await d.approvals.approve(RITA, action.id, action.digest)
    assert first.status is ActionStatus.AWAITING_SECOND_APPROVAL
    with pytest.raises(SecondApproverNeeded, match="second person"):
        await d.approvals.approve(RITA, action.id, action.digest)
    with pytest.raises(SecondApproverNeeded, match="supervisor"):
        await d.approvals.approve(person("rob"), action.id, action.digest)
    second = await d.approvals.approve(SAM, action.id, action.digest)
    assert second.status is ActionStatus.APPROVED
    assert [a.approver_id for a in second.approvals] == ["rita", "sam"]


async def test_a_supervisor_is_not_two_people():
    d = desk()
    action = await d.propose(LARGE)
    await d.approvals.approve(SAM, action.id, action.digest)
    with pytest.raises(SecondApproverNeeded):
        await d.approvals.approve(SAM, action.id, action.digest)


async def test_only_the_call_that_was_shown_can_be_approved():
    d = desk()
    action, other = await d.propose(), await d.propose(GOODWILL | {"amount": "21"})
    with pytest.raises(SealBroken):
        await d.approvals.approve(RITA, action.id, other.digest)
    d.store.put(action.model_copy(update={"amount": other.amount}))
    with pytest.raises(SealBroken):
        await d.approvals.approve(RITA, action.id, action.digest)
    assert (await d.kinds())[-2:] == ["refused_approval", "refused_approval"]


async def test_an_expired_proposal_cannot_be_approved():
    d = desk()
    action = await d.propose()
    d.clock.forward(timedelta(minutes=30))
    with pytest.raises(ActionNotOpen, match="expired"):
        await d.approvals.approve(RITA, action.id, action.digest)
    assert await d.kinds() == ["proposal", "expiry"]


async def test_an_approval_is_for_one_time():
    d = desk()
    action = await d.approved()
    with pytest.raises(ActionNotOpen):
        await d.approvals.approve(SAM, action.id, action.digest)


async def test_nobody_decides_without_the_scope_or_for_another_tenant():
    d = desk()
    action = await d.propose()
    with pytest.raises(NotPermitted):
        await d.approvals.approve(person("kim", Role.KNOWLEDGE_MANAGER), action.id, action.digest)
    with pytest.raises(NotFound):
        await d.approvals.approve(person("eve", Role.ADMIN, tenant="acme"), action.id, action.digest)


async def test_an_edit_is_a_new_proposal_with_a_new_seal_and_decision():
    d = desk()
    old = await d.propose()
    new = await d.approvals.edit(RITA, old.id, GOODWILL | {"order_id": "LF-1004846", "amount": "120"})
    assert new.replaces == old.id
    assert new.digest != old.digest
    assert new.call.id != old.call.id
    assert new.decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR
    assert (await d.approvals.get(RITA, old.id)).status is ActionStatus.SUPERSEDED
    with pytest.raises(ActionNotOpen):
        await d.approvals.approve(RITA, old.id, old.digest)


async def test_an_edit_drops_approvals_already_given():
    d = desk()
    old = await d.propose(LARGE)
    await d.approvals.approve(RITA, old.id, old.digest)
    new = await d.approvals.edit(RITA, old.id, LARGE | {"amount": "160"})
    assert new.approvals == ()
    assert new.status is ActionStatus.PROPOSED


async def test_an_edit_that_policy_denies_leaves_the_proposal_as_it_was():
    d = desk()
    old = await d.propose()
    with pytest.raises(PolicyDenied):
        await d.approvals.edit(RITA, old.id, GOODWILL | {"reason": "lost_parcel"})
    with pytest.raises(NotFound):
        await d.approvals.edit(RITA, old.id, GOODWILL | {"order_id": TOM.order_ids[0]})
    assert (await d.approvals.approve(RITA, old.id, old.digest)).status is ActionStatus.APPROVED


async def test_each_item_of_a_return_is_decided():
    d = desk()
    both = {"order_id": "LF-1004846", "item_ids": ["t-1", "t-1"], "payment_method_id": "card_1"}
    action = await d.propose(both, "return_delivered_order_items")
    assert len(action.decision.findings) == 1


async def test_every_step_is_in_the_ledger():
    d = desk()
    action = await d.propose()
    new = await d.approvals.edit(RITA, action.id, GOODWILL | {"amount": "10"})
    await d.approvals.reject(RITA, new.id, "changed her mind")
    assert await d.kinds() == ["proposal", "edit", "proposal", "rejection"]
    assert isinstance(await verify_ledger(d.ledger, "larkfield"), VerifiedLedger)
