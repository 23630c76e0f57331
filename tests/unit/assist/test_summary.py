"""The rolling summary, the hand-over and the tenant's own templates."""

from datetime import date

import pytest
from tests.unit.assist.test_structured import conversation
from tests.unit.assist.world import ELENA_ORDER, NOW, RITA, world

from copilot.assist.case_templates import CASE_NOTE, CaseTemplates, check_template
from copilot.assist.summary import State, update_summary
from copilot.assist.wrap_up import build_wrap_up, due_on
from copilot.domain.conversation import Conversation
from copilot.domain.errors import ConfigurationError
from copilot.domain.understanding import SentimentLabel
from copilot.domain.wrap_up import Summary, WrapUp

STOVE = conversation(
    ("C", "My stove stopped working last week. Is that under warranty?"),
    ("R", "I am not sure, let me ask our workshop."),
    ("C", "I already cleaned the valve twice."),
    ("R", "The warranty covers the valve. We will send a new one within two business days."),
)


def carried_on(talk: Conversation) -> list[Summary]:
    """After each turn, from the summary before it and that turn alone."""
    summaries: list[Summary] = []
    for number, turn in enumerate(talk.turns, start=1):
        so_far = talk.model_copy(update={"turns": talk.turns[:number], "revision": number})
        summaries.append(update_summary(summaries[-1] if summaries else None, [turn], so_far, State()))
    return summaries


def test_a_question_stays_open_until_somebody_answers_it():
    first, unsure, _, answered = carried_on(STOVE)
    assert [s.text for s in first.open_questions] == ["Is that under warranty?"]
    assert unsure.open_questions == first.open_questions
    assert answered.open_questions == ()


def test_every_line_leads_back_to_its_turn():
    last = carried_on(STOVE)[-1]
    assert last.issue.turn_ids == ("turn_1",)
    assert [(s.text, s.turn_ids) for s in last.tried] == [("I already cleaned the valve twice.", ("turn_3",))]
    assert [s.turn_ids for s in last.promises] == [("turn_4",)]
    assert all(s.linked for s in last.statements)


def test_earlier_turns_are_not_read_again():
    before = carried_on(STOVE)[2]
    forgetful = STOVE.model_copy(update={"turns": STOVE.turns[3:], "revision": 4})
    after = update_summary(before, STOVE.turns[3:], forgetful, State())
    assert after.tried == before.tried
    assert len(after.promises) == 1


@pytest.mark.parametrize(
    ("promise", "day"),
    [
        ("I will call you tomorrow.", date(2026, 11, 24)),
        ("We will write to you by Friday.", date(2026, 11, 27)),
        ("You will hear from us within 5 business days.", date(2026, 11, 30)),
        ("It will be there in two weeks.", date(2026, 12, 7)),
        ("I will look into it.", None),
    ],
)
def test_the_day_a_promise_is_due(promise, day):
    assert due_on(promise, NOW.date()) == day


async def test_a_hand_over_says_to_whom_and_why_and_leaves_the_conversation_open():
    w = await world()
    await w.customer(f"I want a refund for my broken order {ELENA_ORDER}, I am elena@example.com")
    handed = await w.live.hand_over(RITA, w.conversation.id, "Supervisors", "Above my limit.")
    assert handed.note.startswith("For Supervisors (chat): Above my limit.")
    assert ELENA_ORDER in handed.note
    assert [s.text.split(":")[0] for s in handed.waiting] == ["Waits for approval"]
    assert all(s.sources for s in handed.waiting)
    await w.customer("are you still there?")  # would be refused after a wrap-up


async def test_what_an_order_system_said_names_the_call():
    w = await world()
    await w.customer(f"I want a refund for my broken order {ELENA_ORDER}, I am elena@example.com")
    facts = (await w.snapshot()).summary.facts
    assert all(s.sources for s in facts if s.text.startswith(("Customer verified", "Order")))


def wrapped_up(template: str) -> str:
    wrapped = build_wrap_up(
        STOVE,
        carried_on(STOVE)[-1],
        State(),
        matters=(),
        playbooks={},
        sentiment=SentimentLabel.NEUTRAL,
        knowledge_gap="stove warranty valve",
        now=NOW,
        templates=CaseTemplates(case_note=template),
    )
    assert wrapped.knowledge_gap.told.text.startswith(("I am not sure", "The warranty covers"))
    return wrapped.case_note


def test_a_tenants_own_template_fills_the_case_note():
    assert wrapped_up("CASE {{ channel | upper }}: {{ follow_ups[0].due_on }}") == "CASE CHAT: 2026-11-25"


@pytest.mark.parametrize("template", ["{{ customer_name }}", "{{ channel.__class__.__mro__ }}"])
def test_a_template_that_asks_for_what_there_is_not_is_refused(template):
    with pytest.raises(ConfigurationError):
        wrapped_up(template)


def test_a_template_is_checked_before_it_is_kept():
    check_template(CASE_NOTE, "{{ summary.issue.text }}", "case_note.j2")
    with pytest.raises(ConfigurationError, match="customer_name"):
        check_template(CASE_NOTE, "{{ customer_name }}", "case_note.j2")
    with pytest.raises(ConfigurationError, match=r"case_note\.j2:2"):
        check_template(CASE_NOTE, "one\n{% if %}", "case_note.j2")


def test_a_conversation_wrapped_up_before_follow_ups_had_a_day_can_still_be_read():
    earlier = {
        "conversation_id": "conv_1",
        "disposition": {"code": "other", "title": "Other", "confidence": 0},
        "summary": {"conversation_id": "conv_1", "revision": 1},
        "case_note": "Done.",
        "follow_ups": ["Call back."],
        "knowledge_gap": "customs for Iceland",
        "created_at": NOW,
    }
    wrapped = WrapUp.model_validate(earlier)
    assert [f.text for f in wrapped.follow_ups] == ["Call back."]
    assert wrapped.knowledge_gap.question == "customs for Iceland"
