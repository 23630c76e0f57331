"""Approving, changing and rejecting what costs money."""

import re

from playwright.sync_api import expect
from tests.e2e import scene
from tests.e2e.desk import Desk, needs_panel, until

from copilot.domain.actions import ActionStatus

pytestmark = needs_panel


def test_a_refund_is_approved_by_the_digest_that_was_shown(answered: Desk) -> None:
    card = answered.card("next-actions")
    expect(card).to_contain_text("$49.00")
    expect(card).to_contain_text(re.compile(r"\d:\d\d left"))
    card.get_by_role("button", name="Approve").click()
    expect(card).to_contain_text("rf_20418")
    [action] = answered.fake.actions.values()
    assert ("approve", {"digest": action.digest}) in answered.fake.writes


def test_changed_arguments_go_back_to_policy_as_integer_cents(answered: Desk) -> None:
    card = answered.card("approval")
    card.get_by_role("button", name="Edit").click()
    amount = card.get_by_label("Amount (USD)")
    expect(amount).to_have_value("49.00")
    amount.fill("forty")
    expect(card.get_by_role("button", name="Check and propose")).to_be_disabled()
    amount.fill("20.5")
    card.get_by_role("button", name="Check and propose").click()
    until(lambda: "edit" in [verb for verb, _ in answered.fake.writes])
    [(_, body)] = [write for write in answered.fake.writes if write[0] == "edit"]
    assert body["arguments"]["amount"] == {"minor": 2050, "currency": "USD"}


def test_a_rejection_needs_a_reason(answered: Desk) -> None:
    card = answered.card("approval")
    card.get_by_role("button", name="Reject").click()
    card.get_by_role("button", name="Reject").click()
    assert [verb for verb, _ in answered.fake.writes if verb == "reject"] == []
    card.get_by_label("Why not?").fill("Customer prefers an exchange")
    card.get_by_role("button", name="Reject").click()
    expect(card).to_contain_text("Customer prefers an exchange")


def test_a_refused_approval_says_why(answered: Desk) -> None:
    [action] = answered.fake.actions.values()
    answered.fake.actions[action.id] = action.model_copy(update={"digest": "other"})
    answered.card("approval").get_by_role("button", name="Approve").click()
    expect(answered.card("approval").get_by_role("alert")).to_contain_text("changed since it was shown")


def test_a_second_person_and_an_expiry_are_shown(answered: Desk) -> None:
    [action] = answered.fake.actions.values()
    answered.fake.update_action(action.model_copy(update={"status": ActionStatus.AWAITING_SECOND_APPROVAL}))
    card = answered.card("approval")
    expect(card.get_by_role("button", name="Approve as second person")).to_be_visible()
    answered.fake.update_action(action.model_copy(update={"expires_at": scene.NOW}))
    expect(card).to_contain_text("Expired")
    expect(card.get_by_role("button")).to_have_count(0)
