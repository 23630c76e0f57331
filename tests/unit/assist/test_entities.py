"""What is found in a turn, and where."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.assist.entities import EntityVocabulary, find_entities
from copilot.assist.redaction import luhn_valid
from copilot.domain.assist import EntityKind

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


def test_every_kind_is_tried():
    text = "LF-1004829 jo@x.com (312) 555-0199 zip 60614 $5 3 November Stonebrook fire pits"
    assert {kind for kind, _ in found(text)} == {k.value for k in EntityKind}
