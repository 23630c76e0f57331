from datetime import date

import pytest
from tests.unit.tools.desk import SAM, desk
from tests.unit.tools.rules import CLAUSES, REFUNDS, RETURNS, document, engine, policy_set, render_text
from tests.unit.tools.shop import NOW

from copilot.domain.actions import ActionStatus, PolicyOutcome
from copilot.domain.errors import ConfigurationError
from copilot.domain.policy import PolicySet, clauses_of
from copilot.tools.policy import PolicyEngine, combine

RETURN = "return_delivered_order_items"


def decide(facts, placed_on=None, tool=RETURN):
    return engine().decide(tool, facts, placed_on, NOW)


def test_allows_what_a_clause_allows_and_says_which():
    decision = decide({"order.days_since_delivery": 21})
    assert decision.outcome is PolicyOutcome.ALLOW
    assert decision.reason == "21 days ≤ 30 · Returns policy §3.2"
    assert decision.findings[0].clause.quote == "within 30 days"


def test_an_order_keeps_the_policy_under_which_it_was_placed():
    old = decide({"order.days_since_delivery": 21}, placed_on=date(2026, 2, 28))
    assert old.outcome is PolicyOutcome.DENY
    assert old.reason == "21 days > 14 · returns-policy §3.2"
    assert (
        decide({"order.days_since_delivery": 21}, placed_on=date(2026, 3, 1)).outcome is PolicyOutcome.ALLOW
    )


def test_one_clause_against_outweighs_all_for():
    decision = decide({"order.days_since_delivery": 2, "item.final_sale": True, "item.name": "Tent"})
    assert decision.outcome is PolicyOutcome.DENY
    assert [f.outcome.value for f in decision.findings] == ["allow", "deny"]


def test_a_supervisor_outweighs_an_allowance():
    decision = decide({"call.amount_minor": 15000}, tool="refund_order")
    assert decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR


def test_what_no_clause_allows_is_not_allowed():
    for facts, tool in (({}, RETURN), ({"order.days_since_delivery": 1}, "modify_user_address")):
        decision = decide(facts, tool=tool)
        assert decision.outcome is PolicyOutcome.DENY
        assert decision.reason == "No policy clause allows this."


def test_each_item_of_a_call_must_be_allowed():
    fine, final = {"order.days_since_delivery": 2}, {"order.days_since_delivery": 2, "item.final_sale": True}
    decision = combine([decide(fine), decide(final | {"item.name": "Tent"}), decide(fine)])
    assert decision.outcome is PolicyOutcome.DENY
    assert [f.rule for f in decision.findings] == ["returns.window.v3", "returns.final-sale"]


def test_a_rule_whose_sentence_fails_still_decides():
    decision = decide({"order.days_since_delivery": 2, "item.final_sale": True})
    assert decision.outcome is PolicyOutcome.DENY
    assert "returns.final-sale" in decision.reason


def test_rules_that_nobody_signed_are_not_used():
    tampered = policy_set(RETURNS).model_dump(by_alias=True, exclude_defaults=True)
    tampered["rules"][0]["when"]["all"][1]["at_most"] = 3000
    for sets in (
        [PolicySet.model_validate(tampered)],
        [policy_set(REFUNDS).model_copy(update={"signature": None})],
    ):
        with pytest.raises(ConfigurationError, match="sign"):
            PolicyEngine(sets, CLAUSES, render_text)


def test_a_rule_is_held_to_its_own_examples():
    wrong = RETURNS[0] | {"examples": [{"given": {"order.days_since_delivery": 31}, "expect": "allow"}]}
    assert engine().check_examples() == []
    assert PolicyEngine([policy_set([wrong])], CLAUSES, render_text).check_examples() == [
        "rule returns.window.v3, example 1: says nothing, expected allow"
    ]


def test_names_rules_whose_clause_is_gone():
    gone = {key: c for key, c in CLAUSES.items() if key != ("refunds-policy", "2", "3.3")}
    assert engine().problems() == []
    assert engine(gone).problems() == [
        "rule refunds.large: there is no clause 3.3 in refunds-policy version 2"
    ]
    assert [flag.why for flag in engine(gone).flags()] == ["the clause is gone"]


# ---------------------------------------------------------------- clauses that change


def changed(number="3.2", document_id="refunds-policy", version="2", text="up to $50"):
    """The clauses of today, one of them with another text than at signing."""
    return CLAUSES | clauses_of(document(document_id, version, **{f"_{number.replace('.', '_')}": text}))


def refund(amount_minor, clauses, *, moves_money=True):
    facts = {"call.amount_minor": amount_minor}
    return engine(clauses).decide("refund_order", facts, None, NOW, moves_money=moves_money)


def test_a_rule_is_flagged_when_its_clauses_text_changes_until_it_is_signed_again():
    assert engine().flags() == []
    (flag,) = engine(changed()).flags()
    assert (flag.rule, flag.why) == ("refunds.goodwill", "the clause's text has changed")
    again = PolicyEngine([policy_set(REFUNDS, clauses=changed())], changed(), render_text)
    assert again.flags() == []


def test_spacing_is_no_change():
    assert engine(changed(text="up   to\n$200")).flags() == []


def test_a_flagged_rule_still_decides_and_the_decision_shows_it():
    decision = refund(2000, changed(), moves_money=False)
    assert decision.outcome is PolicyOutcome.ALLOW
    assert decision.needs_review == ("refunds.goodwill",)
    denied = engine(changed("3.4", text="lost")).decide(
        "refund_order",
        {"call.amount_minor": 1, "call.reason": "lost_parcel", "order.status": "delivered", "order.id": "1"},
        None,
        NOW,
        moves_money=True,
    )
    assert denied.outcome is PolicyOutcome.DENY
    assert denied.needs_review == ("refunds.lost",)


def test_money_on_a_flagged_allowance_needs_a_supervisor():
    assert refund(2000, CLAUSES).outcome is PolicyOutcome.ALLOW
    decision = refund(2000, changed())
    assert decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR
    assert "changed since this rule was signed" in decision.reason


def test_another_rule_that_allows_and_stands_is_enough():
    other = REFUNDS[0] | {"id": "refunds.small", "clause": REFUNDS[4]["clause"]}
    sets = [policy_set([*REFUNDS, other])]
    decision = PolicyEngine(sets, changed(), render_text).decide(
        "refund_order", {"call.amount_minor": 2000}, None, NOW, moves_money=True
    )
    assert decision.outcome is PolicyOutcome.ALLOW
    assert decision.needs_review == ("refunds.goodwill",)


def test_rules_signed_without_their_clauses_are_flagged():
    signed = policy_set(REFUNDS, clauses={})
    assert {flag.why for flag in PolicyEngine([signed], CLAUSES, render_text).flags()} == {
        "it was signed without its clause's text"
    }


def test_the_clauses_that_were_signed_cannot_be_exchanged():
    signed = policy_set(REFUNDS)
    mine = signed.signature.clauses | {"refunds.goodwill": "0" * 64}
    forged = signed.model_copy(update={"signature": signed.signature.model_copy(update={"clauses": mine})})
    with pytest.raises(ConfigurationError, match="not the ones Kim signed"):
        PolicyEngine([forged], CLAUSES, render_text)


async def test_a_refund_on_a_flagged_allowance_is_executed_only_after_two_people():
    d = desk(policy=engine(changed()))
    action = await d.approved()
    assert action.status is ActionStatus.AWAITING_SECOND_APPROVAL
    both = await d.approvals.approve(SAM, action.id, action.digest)
    assert (await d.executor.execute(both)).status is ActionStatus.SUCCEEDED
    (proposal, *_) = [entry async for entry in d.ledger.entries("larkfield")]
    assert any(c.endswith("needs review") for c in proposal.body["policy"]["clauses"])


class Moving:
    """Policies whose clause changes while an approval waits to be executed."""

    def __init__(self):
        self.now = engine()

    async def engine(self, tenant_id):
        return self.now


async def test_a_clause_that_changes_between_approval_and_execution_asks_for_the_supervisor():
    policy = Moving()
    d = desk(policy=policy)
    action = await d.approved()
    policy.now = engine(changed())
    assert (await d.executor.execute(action)).status is ActionStatus.AWAITING_SECOND_APPROVAL
    assert d.orders.calls == []
