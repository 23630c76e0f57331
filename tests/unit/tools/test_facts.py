from datetime import timedelta

from tests.unit.tools.shop import MAYA, NOW, line, order

from copilot.domain.commerce import Money, OrderStatus
from copilot.domain.facts import FACTS
from copilot.tools.facts import call_facts, describe_date, nested, order_facts


def test_tells_what_a_rule_or_template_may_ask():
    facts = order_facts(MAYA, order(delivered_days_ago=21), None, NOW)
    assert facts["order.status"] == "delivered"
    assert facts["order.days_since_delivery"] == 21
    assert facts["order.days_late"] == 1
    assert facts["order.payment_method"] == "Visa …8421"
    assert facts["order.placed_on"] == "28 October 2026"
    assert facts["item.name"] == "Northlight Lantern"
    assert facts["customer.address"] == "12 Elm St, Ames, IA 50010, USA"


def test_speaks_only_the_common_vocabulary():
    facts = order_facts(MAYA, order(), None, NOW) | call_facts(Money.of(5), "goodwill", 500)
    assert facts.keys() <= FACTS.keys()


def test_an_item_is_known_only_when_named_or_alone():
    two = order(items=(line(), line("t-1", final_sale=True)))
    assert "item.id" not in order_facts(MAYA, two, None, NOW)
    assert order_facts(MAYA, two, two.items[1], NOW)["item.final_sale"] is True
    assert order_facts(MAYA, two, None, NOW)["order.has_final_sale"] is True


def test_lateness_counts_on_while_a_parcel_is_under_way_and_stops_when_the_order_is_cancelled():
    expected = NOW - timedelta(days=6)
    shipped = order(status=OrderStatus.SHIPPED).model_copy(update={"expected_at": expected})
    cancelled = shipped.model_copy(update={"status": OrderStatus.CANCELLED})
    assert order_facts(MAYA, shipped, None, NOW)["order.days_late"] == 6
    assert "order.days_late" not in order_facts(MAYA, cancelled, None, NOW)
    assert "order.days_since_delivery" not in order_facts(MAYA, shipped, None, NOW)


def test_describes_a_date_as_people_write_it():
    assert describe_date(NOW) == "23 November 2026"


def test_templates_see_facts_as_a_tree():
    tree = nested({"order.id": "x", "today": "y"})

    assert (tree["order"], tree["today"]) == ({"id": "x"}, "y")
    assert tree["item"] == {}, "a template may ask whether a fact of any group is defined"
