"""What tells that a conversation goes wrong."""

from datetime import UTC, date, datetime

import pytest

from copilot.assist.signals import signals_in, trend_of
from copilot.domain.conversation import Speaker, Turn
from copilot.domain.signals import SignalKind, Trend
from copilot.domain.understanding import Sentiment, SentimentLabel

TODAY = date(2026, 11, 23)


def customer(text, number=1):
    said = Turn(
        id=f"turn_{number}",
        conversation_id="conv_1",
        sequence=number,
        speaker=Speaker.CUSTOMER,
        text=text,
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    return said, TODAY


def kinds(text):
    return {signal.kind for signal in signals_in([customer(text)], [], [])}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I will cancel and go to another shop", SignalKind.CHURN_RISK),
        ("next time I'll buy my tent elsewhere", SignalKind.CHURN_RISK),
        ("I'm never ordering from you again", SignalKind.CHURN_RISK),
        ("please close my account", SignalKind.CHURN_RISK),
        ("you will hear from my lawyer", SignalKind.LEGAL_THREAT),
        ("I am going to sue you", SignalKind.LEGAL_THREAT),
        ("I'll dispute the charge with my bank", SignalKind.LEGAL_THREAT),
        ("let me speak to your manager", SignalKind.SUPERVISOR_ASKED),
        ("I want this escalated", SignalKind.SUPERVISOR_ASKED),
        ("this is the third time I'm calling", SignalKind.REPEATED_CONTACT),
        ("I've explained this four times already", SignalKind.REPEATED_CONTACT),
        ("it's urgent", SignalKind.URGENCY),
        ("we need the tent by tomorrow", SignalKind.URGENCY),
        ("there is smoke coming out of the heater", SignalKind.URGENCY),
    ],
)
def test_it_is_noticed(text, kind):
    assert kind in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "no rush, it is not urgent",
        "my name is Sue and I live in 12 Oak Court",
        "I ordered a second lantern, can you add it",
        "do you sell replacement filters in the store",
        "cancel my order please",
        "is the manager app included",
        "I ordered the wrong size, can I exchange it",
        "this is the second time I ordered from you and it is great",
        "I need the receipt for my taxes",
        "does the smoke alarm need batteries",
    ],
)
def test_nothing_is_made_of_nothing(text):
    assert kinds(text) == set()


def test_a_signal_names_every_turn_that_shows_it():
    (signal,) = signals_in([customer("I want a manager", 1), customer("Get me your supervisor!", 3)], [], [])
    assert signal.turn_ids == ("turn_1", "turn_3")


def mood(*scores):
    return [Sentiment(label=SentimentLabel.NEUTRAL, score=score) for score in scores]


def test_frustration_takes_more_than_one_bad_turn():
    turns = [customer("no", 1), customer("no!", 3)]
    assert not signals_in(turns, mood(0.1, -0.9), [])
    assert [s.kind for s in signals_in(turns, mood(-0.7, -0.9), [])] == [SignalKind.FRUSTRATION]


@pytest.mark.parametrize(
    ("scores", "trend"),
    [
        ((-0.9,), Trend.STEADY),
        ((0.1, -0.5), Trend.FALLING),
        ((-0.8, -0.6, 0.4), Trend.RISING),
        ((0.1, 0.2), Trend.STEADY),
    ],
)
def test_the_trend_is_the_last_turn_against_those_before(scores, trend):
    assert trend_of(mood(*scores)) is trend
