"""What was promised, by when, and whether it is overdue."""

from datetime import date

import pytest

from copilot.assist.promises import promises_in
from copilot.domain.conversation import Speaker

MONDAY = date(2026, 11, 23)
REPRESENTATIVE, CUSTOMER = Speaker.REPRESENTATIVE, Speaker.CUSTOMER


def promised(text, speaker=REPRESENTATIVE, today=MONDAY):
    return promises_in([("turn_1", speaker, text, MONDAY)], today)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("I'll call you back tomorrow.", date(2026, 11, 24)),
        ("We will ship it by Friday.", date(2026, 11, 27)),
        ("I will e-mail you within two hours.", MONDAY),
        ("You'll receive the refund in 3-5 business days.", date(2026, 11, 30)),
        ("My colleague will phone you on Monday.", date(2026, 11, 30)),
        ("We will send it next week.", date(2026, 12, 4)),
        ("I'll refund the shipping.", None),
    ],
)
def test_the_representative_promises(text, due):
    (promise,) = promised(text)
    assert (promise.due_on, promise.said_by, promise.turn_id, promise.overdue) == (
        due, REPRESENTATIVE, "turn_1", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["I'll be happy to help.", "Will you send me a picture?", "I will need your order number.", "Thank you!"],
)
def test_courtesies_and_questions_are_no_promises(text):
    assert promised(text) == ()


def test_a_promise_is_overdue_the_day_after():
    text = "I'll call you back tomorrow."
    assert not promised(text, today=date(2026, 11, 24))[0].overdue
    assert promised(text, today=date(2026, 11, 25))[0].overdue


@pytest.mark.parametrize(
    ("text", "due", "overdue"),
    [
        ("You said you would call me on Tuesday.", date(2026, 11, 17), True),
        ("I was told it would be here yesterday", date(2026, 11, 22), True),
        ("You promised to send a label but nothing came", None, True),
        ("Your colleague said I would get a replacement", None, False),
        ("You said it will come next Friday", date(2026, 11, 27), False),
    ],
)
def test_the_customer_tells_of_a_promise(text, due, overdue):
    (promise,) = promised(text, CUSTOMER)
    assert (promise.due_on, promise.overdue, promise.said_by) == (due, overdue, CUSTOMER)


def test_what_is_kept_of_a_promise_is_masked():
    (promise,) = promised("I'll send it to jo@example.com tomorrow.")
    assert "jo@example.com" not in promise.text
