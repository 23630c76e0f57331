from datetime import date

import pytest
from tests.unit.tools.rules import CLAUSES, REFUNDS, RETURNS, engine, policy_set, render_text
from tests.unit.tools.shop import NOW

from copilot.domain.actions import PolicyOutcome
from copilot.domain.errors import ConfigurationError
from copilot.domain.policy import PolicySet
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
    problems = engine().problems()
    assert "rule refunds.large: there is no clause 3.3 in refunds-policy version 2" in problems
    assert not any("window.v3" in p for p in problems)
