"""Sentences have exact offsets, and are not torn at numbers, abbreviations or list markers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.retrieval.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        (
            "See clause 3.2 for it. It costs $6.50. Done.",
            ["See clause 3.2 for it.", "It costs $6.50.", "Done."],
        ),
        ("Fuels, e.g. Butane, are fine. Ask Dr. Lee.", ["Fuels, e.g. Butane, are fine.", "Ask Dr. Lee."]),
        ("Open until 8 p.m. Call us.", ["Open until 8 p.m.", "Call us."]),
        ("1. Press it. Wait.\n2. Done", ["1. Press it.", "Wait.", "2. Done"]),
        ("| a. B | c |\n| d | e |", ["| a. B | c |", "| d | e |"]),
        ('He said "stop." Then left.', ['He said "stop."', "Then left."]),
        ("", []),
    ],
)
def test_examples(text, expected):
    assert [text[start:end] for start, end in split_sentences(text)] == expected


@given(st.text("ab C.!?\n\"') 3|-", max_size=120))
def test_nothing_but_white_space_is_lost(text):
    position = 0
    for start, end in split_sentences(text):
        assert text[position:start].isspace() or position == start
        assert text[start:end] == text[start:end].strip() != ""
        position = end
    assert not text[position:].strip()
