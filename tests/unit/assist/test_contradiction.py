"""Near copies that say something else."""

import pytest

from copilot.assist.contradiction import contradicts

RATES = (
    "Standard shipping takes 3–5 business days and costs $6.95 per order. "
    "Express shipping takes 1–2 business days and costs $14.95 per order."
)
BEDDING = "Opened bedding cannot be returned unless it is defective."


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Standard shipping costs $6.95 per order.", RATES),
        ("Express shipping takes 1–2 business days.", RATES),
        ("Opened bedding can't be returned unless it's defective.", BEDDING),
        ("You can send an item back within thirty days.", "You may return an item within 30 days."),
        (
            "Gold begins at $1,000 spent in a calendar year.",
            "Silver begins at $400 spent in a calendar year and gold at $1,000.",
        ),
        (
            "Unopened parcels can be returned.",
            "Parcels that are unopened can be returned, opened ones cannot.",
        ),
    ],
)
def test_what_the_source_says_in_other_words_is_none(sentence, source):
    assert contradicts(sentence, source) is None


@pytest.mark.parametrize(
    ("sentence", "source", "why"),
    [
        ("Opened bedding can be returned.", BEDDING, "not"),
        ("The fee isn’t waived for gold members.", "The fee is waived for gold members.", "not"),
        ("Orders placed after 1 pm ship today.", "Orders placed before 1 pm ship today.", "before"),
        ("Standard shipping costs $14.95 per order.", RATES, "$14.95"),
        ("Express shipping takes 3–5 business days.", RATES, "3"),
        ("Silver members get 60 days.", "Gold members get 60 days.", "silver"),
        (
            "Standard shipping is free.",
            "Standard shipping is free when the total is $75 or more.",
            "leaves out",
        ),
        (
            "You may return it within 30 days, and drivers carry furniture upstairs.",
            "You may return it within 30 days.",
            "adds",
        ),
    ],
)
def test_a_flip_is_one(sentence, source, why):
    assert why in contradicts(sentence, source)


def test_what_only_a_reader_sees_is_missed():
    """Known misses: docs/decisions/0025."""
    assert contradicts("Bedding cannot be returned unless it is defective.", BEDDING) is None
