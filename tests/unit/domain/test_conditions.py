import pytest
from pydantic import TypeAdapter, ValidationError

from copilot.domain.conditions import Condition

parse = TypeAdapter(Condition).validate_python


def test_a_bound_may_be_another_fact():
    too_much = parse({"fact": "call.amount_minor", "more_than": "order.refundable_minor"})
    assert too_much.holds({"call.amount_minor": 5001, "order.refundable_minor": 5000})
    assert not too_much.holds({"call.amount_minor": 5000, "order.refundable_minor": 5000})
    assert too_much.facts_used() == {"call.amount_minor", "order.refundable_minor"}


def test_plus_adds_a_second_fact():
    over = parse({"fact": "call.amount_minor", "plus": "order.refunded_minor", "more_than": 5000})
    assert over.holds({"call.amount_minor": 2000, "order.refunded_minor": 3001})
    assert not over.holds({"call.amount_minor": 2000, "order.refunded_minor": 3000})
    assert over.facts_used() == {"call.amount_minor", "order.refunded_minor"}


@pytest.mark.parametrize("facts", [{"a": 1}, {"b": 1}, {"a": "1", "b": 0}, {"a": 1, "b": "0"}, {}])
def test_what_is_unknown_or_no_number_is_within_no_bound(facts):
    for comparison in ("at_most", "at_least", "less_than", "more_than"):
        assert not parse({"fact": "a", comparison: "b"}).holds(facts)
        assert not parse({"fact": "a", "plus": "b", comparison: 0}).holds(facts)


def test_a_not_around_an_unknown_fact_holds_so_that_a_denial_is_the_default():
    late = parse({"not": {"fact": "order.days_late", "at_least": 5}})
    assert late.holds({})
    assert late.holds({"order.days_late": 4})
    assert not late.holds({"order.days_late": 5})


def test_plus_goes_with_bounds_only_and_a_test_compares_once():
    with pytest.raises(ValidationError, match="'plus' goes with one of at_most"):
        parse({"fact": "a", "plus": "b", "is": 1})
    with pytest.raises(ValidationError, match="exactly one way, found at_most, is"):
        parse({"fact": "a", "is": 1, "at_most": 2})
    with pytest.raises(ValidationError, match="exactly one way, found none"):
        parse({"fact": "a", "plus": "b"})
