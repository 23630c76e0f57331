"""What is found in a turn, and where."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.assist.entities import EntityVocabulary, find_entities
from copilot.assist.redaction import luhn_valid
from copilot.domain.commerce import Money
from copilot.domain.understanding import EntityKind

TODAY = date(2026, 11, 23)
VOCABULARY = EntityVocabulary(
    products=("Trailhead 2 Tent", "Trailhead 4 Tent", "BrewHaven Drip Coffee Maker", "Stonebrook Fire Pit")
)


def found(text: str) -> list[tuple[str, str]]:
    entities = find_entities(text, turn_id="t", today=TODAY, vocabulary=VOCABULARY)
    return [(e.kind.value, e.value) for e in entities]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my order LF-1004829 please", [("order_id", "LF-1004829")]),
        ("lf 1004829", [("order_id", "LF-1004829")]),
        ("L F one zero zero four eight two nine", [("order_id", "LF-1004829")]),
        ("order number is 1004829", [("order_id", "LF-1004829")]),
        ("order #W1234567", [("order_id", "#W1234567")]),
        ("write to Jo.Doe@Example.com", [("email", "jo.doe@example.com")]),
        ("call (312) 555-0199", [("phone", "+13125550199")]),
        ("my zip is 60614", [("zip", "60614")]),
        ("I paid $1,342.80", [("amount", "$1,342.80")]),
        ("about 45 dollars", [("amount", "$45.00")]),
        ("on 3 November", [("date", "2026-11-03")]),
        ("May 3rd, 2026", [("date", "2026-05-03")]),
        ("last Tuesday", [("date", "2026-11-17")]),
        ("2026-10-01", [("date", "2026-10-01")]),
        ("two weeks ago", [("date", "2026-11-09")]),
        ("two Trailhead 2 tents", [("product", "Trailhead 2 Tent")]),
        ("the coffee maker", [("product", "BrewHaven Drip Coffee Maker")]),
        ("ring me on 020 7946 0958", [("phone", "+442079460958")]),
        ("07700 900123", [("phone", "+447700900123")]),
        ("+44 (0)1632 960 001", [("phone", "+441632960001")]),
        ("0049 30 901820", [("phone", "+4930901820")]),
        ("01 23 45 67 89", [("phone", "0123456789")]),
        ("my postcode is sw1a 1aa", [("zip", "SW1A 1AA")]),
        ("we live in K1A 0B1", [("zip", "K1A 0B1")]),
        ("it was £20", [("amount", "£20.00")]),
        ("1.234,50 € in total", [("amount", "€1,234.50")]),
        ("the 15 pounds blanket", []),
        ("by Friday", [("date", "2026-11-27")]),
        ("in three days", [("date", "2026-11-26")]),
        ("23/11/2026", [("date", "2026-11-23")]),
        ("3.12.2026", [("date", "2026-12-03")]),
        ("a trailhead tent", []),
        ("February 30", []),
    ],
)
def test_it_finds(text, expected):
    assert found(text) == expected


def test_a_misread_digit_is_flagged_not_dropped():
    (entity,) = find_entities("LF-1004820", turn_id="t", today=TODAY, vocabulary=VOCABULARY)
    assert entity.value == "LF-1004820"
    assert "check digit" in entity.doubt


def test_a_missing_digit_is_flagged_too():
    (entity,) = find_entities("it is LF-100482", turn_id="t", today=TODAY, vocabulary=VOCABULARY)
    assert "7 digits, this one 6" in entity.doubt


@given(
    st.text(max_size=80), st.sampled_from(["LF-1004829", "jo@x.com", "$45", "3 November", "(312) 555-0199"])
)
def test_offsets_are_exact_whatever_stands_around(noise, thing):
    text = f"{noise} {thing} {noise}"
    for entity in find_entities(text, turn_id="t", today=TODAY, vocabulary=VOCABULARY):
        assert text[entity.start : entity.end] == entity.text


@given(st.text(alphabet="0123456789", min_size=2, max_size=16), st.data())
def test_luhn_notices_every_single_wrong_digit(digits, data):
    right = next(digits + c for c in "0123456789" if luhn_valid(digits + c))
    place = data.draw(st.integers(0, len(right) - 1))
    other = data.draw(st.sampled_from([c for c in "0123456789" if c != right[place]]))
    assert not luhn_valid(right[:place] + other + right[place + 1 :])


def test_twenty_thousand_characters_take_no_time():
    for text in ("4 " * 10_000, "a" * 20_000, "1234 Main " * 2_000, "lf " * 6_600):
        started = time.perf_counter()
        find_entities(text, turn_id="t", today=TODAY, vocabulary=VOCABULARY)
        assert time.perf_counter() - started < 1


def test_an_amount_is_minor_units_of_its_currency():
    (entity,) = find_entities("€ 12,5 please", turn_id="t", today=TODAY, vocabulary=VOCABULARY)
    assert entity.money == Money(minor=1250, currency="EUR")


def test_a_card_number_is_told_but_not_kept():
    text = "my card is 4111 1111 1111 1111, thanks"
    (entity,) = find_entities(text, turn_id="t", today=TODAY, vocabulary=VOCABULARY)
    assert (entity.kind, text[entity.start : entity.end]) == (EntityKind.CARD, "4111 1111 1111 1111")
    assert "1111" not in entity.model_dump_json()


def test_digits_that_fail_the_check_are_no_card():
    assert found("4111 1111 1111 1112") == []


def test_every_kind_is_tried():
    text = "4111111111111111 LF-1004829 jo@x.com (312) 555-0199 zip 60614 $5 3 November Stonebrook fire pits"
    assert {kind for kind, _ in found(text)} == {k.value for k in EntityKind}
