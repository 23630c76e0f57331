"""Numbers, dates, amounts and names are the same however they are written, and nothing else is."""

import pytest

from copilot.assist.details import details, foreign_details


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("It takes thirty days.", "Within 30 days."),
        ("It takes thirty-five days.", "Within 35 days."),
        ("Two weeks are enough.", "You have 14 days."),
        ("It takes three to five business days.", "It takes 3–5 business days."),
        ("It costs $6.50.", "The fee is $6.5 or so."),
        ("It costs $1000.", "The total is $1,000."),
        ("It costs 20 dollars.", "It costs $20."),
        ("From 2026-03-01 on.", "On or after March 1, 2026."),
        ("From 1 March on.", "On or after March 1, 2026."),
        ("One of them is yours.", "They are yours."),
    ],
)
def test_the_same_detail_written_otherwise(sentence, source):
    assert foreign_details(sentence, source) == ()


@pytest.mark.parametrize(
    ("sentence", "source", "foreign"),
    [
        ("It takes 3 weeks.", "It takes 3 days.", "3"),
        ("It takes 6 days.", "It takes 6 business days.", "6"),
        ("It costs €6.50.", "It costs $6.50.", "€6.50"),
        ("It costs 5%.", "It costs $5.", "5"),
        ("It takes one day.", "It takes two days.", "one"),
        ("From March 2, 2026 on.", "From March 1, 2026 on.", "March 2, 2026"),
        ("From May 1 on.", "From March 1 on.", "May 1"),
        ("From March 1, 2025 on.", "From March 1, 2026 on.", "March 1, 2025"),
        ("FedEx brings it.", "UPS brings it.", "FedEx"),
    ],
)
def test_another_number_unit_date_or_name_is_foreign(sentence, source, foreign):
    assert foreign_details(sentence, source) == (foreign,)


def test_both_ends_of_a_range_have_its_unit():
    assert [(d.amount, d.unit) for d in details("$3 to 5, or 7 to 10 working days")] == [
        ("3", "USD"),
        ("5", "USD"),
        ("7", "business day"),
        ("10", "business day"),
    ]
