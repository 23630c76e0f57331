"""What a turn asks, without what surrounds it."""

from datetime import date

import pytest

from copilot.assist.entities import EntityVocabulary, find_entities
from copilot.assist.focus import question_in, without_data
from copilot.assist.signals import is_frustrated
from copilot.domain.understanding import Sentiment, SentimentLabel


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("I want a refund for LF-1006923", "I want a refund"),
        ("any news on LF-1007319?", "any news on my order?"),
        ("I need to cancel LF-1007699, wrong size", "I need to cancel my order, wrong size"),
        ("Good morning, my name is Ellen Marsh. The arm is snapped.", "The arm is snapped."),
        ("Uh hi, yeah, so, do I have to, um, pay for it?", "do I have to pay for it?"),
        (
            "Hello,\nI sent the pan back last week. When will I get my money?\nHannah",
            "When will I get my money?",
        ),
        ("LF-1005172, tom@example.com", ""),
    ],
)
def test_the_question_is_left_and_the_rest_is_gone(said, asked):
    entities = find_entities(said, turn_id="t", today=date(2026, 11, 23), vocabulary=EntityVocabulary())

    assert question_in(without_data(said, entities)) == asked


def feeling(*scores):
    return [Sentiment(label=SentimentLabel.NEGATIVE, score=score) for score in scores]


@pytest.mark.parametrize(
    ("scores", "frustrated"),
    [
        ((-0.95,), False),
        ((-0.95, -0.02), False),
        ((-0.5, -0.5), False),
        ((-0.9, -0.8), True),
        ((-0.9, 0.0, -0.8), True),
        ((-0.9, 0.0, 0.0, -0.8), False),
    ],
)
def test_frustration_takes_two_clearly_negative_turns_of_the_last_three(scores, frustrated):
    assert is_frustrated(feeling(*scores)) is frustrated
