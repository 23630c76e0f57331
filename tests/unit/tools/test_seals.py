"""Somebody with write access to the database cannot make an approval."""

import hashlib
from datetime import timedelta

import pytest
from tests.unit.tools.desk import LARGE, RITA, SAM, SEALS, desk
from tests.unit.tools.shop import NOW

from copilot.domain.actions import ActionStatus, Approval, PolicyOutcome
from copilot.domain.commerce import Money
from copilot.domain.errors import SealBroken
from copilot.tools.seals import Seals

OTHERS = Seals(b"a secret that is not the server's")


async def refuses(d, action):
    d.store.put(action)
    with pytest.raises(SealBroken):
        await d.executor.execute(action)
    assert d.orders.calls == []
    assert (await d.store.get("larkfield", action.id)).status is ActionStatus.FAILED


def forged(action, seals=None, **fields):
    """An approval by Sam as the database's owner would write it."""
    approval = Approval(
        approver_id=SAM.id, approver_name=SAM.name, approved_at=NOW, expires_at=NOW + timedelta(hours=1)
    ).model_copy(update=fields)
    if seals is not None:
        approval = seals.seal(action, approval)
    update = {"status": ActionStatus.APPROVED, "approvals": (approval,)}
    return action.model_copy(update=update)


async def test_a_seal_that_anybody_could_compute_is_none():
    d = desk()
    action = await d.propose()
    bare = hashlib.sha256(action.sealed_content(forged(action).approvals[0])).hexdigest()
    await refuses(d, forged(action, seal=bare))


async def test_a_seal_under_another_key_is_none():
    d = desk()
    await refuses(d, forged(await d.propose(), OTHERS))


async def test_another_key_under_our_keys_name_is_none():
    d = desk()
    named = (await d.approved()).approvals[0].key_id
    other = desk()
    action = forged(await other.propose(), OTHERS)
    (theirs,) = action.approvals
    await refuses(
        other, action.model_copy(update={"approvals": (theirs.model_copy(update={"key_id": named}),)})
    )


async def test_an_action_changed_and_digested_anew_needs_a_new_approval():
    d = desk()
    action = (await d.approved()).model_copy(update={"amount": Money.of(4000)})
    await refuses(d, action.model_copy(update={"digest": action.compute_digest()}))


@pytest.mark.parametrize(
    "changed",
    [
        {"approver_id": "sam"},
        {"approver_name": "Sam"},
        {"expires_at": NOW + timedelta(days=1)},
        {"approved_at": NOW + timedelta(minutes=1)},
        {"needed": 2},
        {"seal": "0" * 64},
        {"seal": "é"},
        {"key_id": "unknown"},
    ],
)
async def test_nothing_of_an_approval_can_be_changed(changed):
    d = desk()
    action = await d.approved()
    (given,) = action.approvals
    await refuses(d, action.model_copy(update={"approvals": (given.model_copy(update=changed),)}))


async def test_one_actions_approval_does_not_do_for_another():
    d = desk()
    one = await d.approved()
    other = await d.propose({"order_id": "LF-1004820", "amount": "21", "reason": "goodwill"})
    await refuses(d, other.model_copy(update={"status": ActionStatus.APPROVED, "approvals": one.approvals}))


async def test_a_first_approval_stays_one_of_two_whatever_the_database_says():
    d = desk()
    action = await d.approved(LARGE)
    assert action.status is ActionStatus.AWAITING_SECOND_APPROVAL
    allowed = action.decision.model_copy(update={"outcome": PolicyOutcome.ALLOW})
    executing = action.model_copy(update={"status": ActionStatus.EXECUTING, "decision": allowed})
    d.store.put(executing)
    (ended,) = await d.executor.recover()
    assert ended.status is ActionStatus.UNRESOLVED
    assert d.orders.calls == []


async def test_a_supervisor_does_not_complete_a_forged_first_approval():
    d = desk()
    action = await d.propose(LARGE)
    given = forged(action, OTHERS, approver_id="ghost", needed=2)
    d.store.put(given.model_copy(update={"status": ActionStatus.AWAITING_SECOND_APPROVAL}))
    with pytest.raises(SealBroken):
        await d.approvals.approve(SAM, action.id, action.digest)
    assert (await d.kinds())[-1] == "refused_approval"


async def test_approvals_hold_over_a_change_of_key_while_the_earlier_one_is_known():
    d = desk()
    action = await d.approved()
    rotated = Seals(b"the next secret", earlier=[b"the desk's secret of 32 bytes ok!"])
    assert rotated.problem(action) is None
    (given,) = action.approvals
    assert rotated.seal(action, given).key_id != given.key_id
    assert Seals(b"the next secret").problem(action) == "A seal does not fit the action."
    assert SEALS.problem(action) is None
    done = await desk(store=d.store, ledger=d.ledger, seals=rotated).executor.execute(action)
    assert done.status is ActionStatus.SUCCEEDED


async def test_a_person_counts_once():
    d = desk()
    action = await d.approved(LARGE)
    twice = SEALS.seal(action, action.approvals[0].model_copy(update={"needed": 1}))
    d.store.put(action.model_copy(update={"approvals": (*action.approvals, twice)}))
    with pytest.raises(SealBroken, match="twice"):
        await d.approvals.approve(SAM, action.id, action.digest)
    assert RITA.id == twice.approver_id
