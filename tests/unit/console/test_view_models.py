"""What pages show, before it is HTML."""

from datetime import UTC, date, datetime, timedelta

import pytest

from copilot.console.adoption import total_of
from copilot.console.approvals import Waiting
from copilot.console.formats import ago, document_page, force, heading, remaining
from copilot.console.forms import choice, day, lines
from copilot.console.live import LiveRow
from copilot.console.menu import first_page, menu_of
from copilot.console.reports import metrics_of, trend_of
from copilot.console.rules import changed_lines
from copilot.console.search_tester import Why
from copilot.domain.access import Principal, Role
from copilot.domain.actions import (
    Action,
    ActionStatus,
    Approval,
    PolicyDecision,
    PolicyOutcome,
    ToolCall,
    ToolEffect,
)
from copilot.domain.activity import Adoption, Wait, by_day, percentile
from copilot.domain.assist_events import ConversationSnapshot
from copilot.domain.conversation import Channel, Conversation
from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import (
    Audience,
    BlockKind,
    KnowledgeDocument,
    Passage,
    ScoredPassage,
    ScoreParts,
)
from copilot.domain.runs import EvaluationRun, SuiteRun
from copilot.domain.signals import Alert, SignalKind

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def person(role, identity="ana"):
    return Principal(id=identity, tenant_id="larkfield", name="Ana", role=role)


# ---------------------------------------------------------------- the menu


def titles(role):
    return [item.title for group in menu_of(person(role)) for item in group.items]


def test_each_role_finds_its_own_pages():
    assert titles(Role.REPRESENTATIVE) == ["Inbox", "Documents", "Search tester"]
    assert "Approvals" in titles(Role.SUPERVISOR)
    assert "Policies" not in titles(Role.SUPERVISOR)
    assert "Ledger" not in titles(Role.KNOWLEDGE_MANAGER)
    assert {"Policies", "Gaps", "Upload"} <= set(titles(Role.KNOWLEDGE_MANAGER))
    assert titles(Role.ML_ENGINEER) == ["Adoption and speed", "Documents", "Search tester", "Reports"]


@pytest.mark.parametrize("role", Role)
def test_whoever_signs_in_lands_on_a_page_of_theirs(role):
    paths = [item.path for group in menu_of(person(role)) for item in group.items]

    assert first_page(person(role)) in paths


# ---------------------------------------------------------------- approvals


def proposed(**changes):
    action = Action(
        id="act_1",
        tenant_id="larkfield",
        conversation_id="conv_1",
        revision=1,
        customer_id="cust_1",
        call=ToolCall(id="call_1", tool="refund_order"),
        effect=ToolEffect.MONEY,
        preview="Refund $329.00",
        decision=PolicyDecision(outcome=PolicyOutcome.NEEDS_SUPERVISOR, findings=(), as_of=NOW),
        proposed_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )
    return action.model_copy(update=changes)


def approved_by(identity):
    return Approval(
        approver_id=identity, approver_name=identity, approved_at=NOW, expires_at=NOW + timedelta(hours=1)
    )


def test_who_has_approved_is_not_asked_again_and_a_second_person_is():
    waiting = proposed(status=ActionStatus.AWAITING_SECOND_APPROVAL, approvals=(approved_by("ana"),))

    assert "second person" in Waiting.of(waiting, person(Role.SUPERVISOR), NOW).why_not
    other = Waiting.of(waiting, person(Role.SUPERVISOR, "omar"), NOW)
    assert (other.why_not, other.second) == ("", True)


def test_what_has_expired_cannot_be_approved():
    late = Waiting.of(proposed(), person(Role.SUPERVISOR), NOW + timedelta(minutes=30))

    assert "expired" in late.why_not


# ---------------------------------------------------------------- live


def test_a_conversation_with_an_alert_is_riskier_than_one_without():
    conversation = Conversation(
        id="conv_1", tenant_id="larkfield", channel=Channel.CHAT, created_at=NOW, updated_at=NOW
    )
    alert = Alert(
        id="alert_1",
        tenant_id="larkfield",
        conversation_id="conv_1",
        revision=1,
        reason=SignalKind.LEGAL_THREAT,
        message="The customer speaks of legal steps.",
        created_at=NOW,
    )
    calm = LiveRow.of(ConversationSnapshot(conversation=conversation), [])
    risky = LiveRow.of(ConversationSnapshot(conversation=conversation, alerts=(alert,)), [proposed()])

    assert risky.risk > calm.risk
    assert (calm.waiting, risky.waiting) == (0, 1)


# ---------------------------------------------------------------- search tester


def found(score=0.7, parts=None):
    document = KnowledgeDocument(
        id="doc_1",
        tenant_id="larkfield",
        external_id="returns",
        title="Returns",
        text="Within 30 days. Bring the receipt.",
        blocks=(),
        content_hash="0",
    )
    passage = Passage(
        id="psg_1",
        document_id="doc_1",
        position=0,
        text=document.text,
        context="Returns",
        kind=BlockKind.PARAGRAPH,
        heading_path=("Returns",),
        clause=None,
        page=None,
        start=0,
        end=len(document.text),
        token_count=9,
        content_hash="0",
    )
    return ScoredPassage(passage=passage, document=document, score=score, confidence=0.6, parts=parts)


def test_the_parts_of_a_score_add_up_to_it():
    why = Why.of("receipt?", found(0.7, ScoreParts(cosine=0.5, keyword=0.25, likeness=0.0)))

    assert why.fused == pytest.approx(0.5 + 0.4 * 0.25)
    assert why.fused + why.reread == pytest.approx(0.7)
    assert why.quote == "Bring the receipt."


# ---------------------------------------------------------------- rules


def test_a_diff_shows_what_was_taken_and_what_was_given():
    assert changed_lines("a: 1\nb: 2\n", "a: 1\nb: 3\n") == [
        ("at", "@@ -1,2 +1,2 @@"),
        ("same", " a: 1"),
        ("del", "-b: 2"),
        ("add", "+b: 3"),
    ]
    assert changed_lines("a: 1\n", "a: 1\n") == []


# ---------------------------------------------------------------- activity


def test_days_have_the_wait_that_half_and_nearly_all_stay_below():
    waits = [Wait(asked_at=NOW, seconds=n / 10) for n in range(1, 21)]
    later = Wait(asked_at=NOW + timedelta(days=2), seconds=3)

    first, last = by_day([later, *waits])

    assert (first.day, first.turns, first.p50, first.p95) == (NOW.date(), 20, 1.0, 1.9)
    assert (last.turns, last.p50, last.p95) == (1, 3, 3)


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_intents_add_up():
    one, other = Adoption(intent="a", shown=3, used=1), Adoption(intent="b", shown=2, edited=1, ignored=1)
    total = total_of([one, other])

    assert (total.shown, total.used, total.edited, total.ignored) == (5, 1, 1, 1)
    assert total.unjudged == 2


# ---------------------------------------------------------------- reports


def run(number, value, **fields):
    suite = SuiteRun(
        suite="replies",
        title="Replies",
        kind="answer",
        passed=True,
        cases=9,
        errors=0,
        seconds=1,
        figures={"f1": value, "held": 1.0},
        **fields,
    )
    return EvaluationRun(
        id=f"{number:016x}",
        file="report.json",
        product="1",
        created_at=NOW + timedelta(days=number),
        suites=(suite,),
    )


def test_a_trend_goes_from_the_oldest_run_to_the_newest_and_leaves_out_what_was_not_run():
    runs = [run(3, 0.9, low={"f1": 0.8}), run(2, None), run(1, 0.7)]
    trend = trend_of(runs, "replies", "f1")

    assert [value for _, _, value in trend["rows"]] == [0.9, 0.7]
    assert trend["plot"].index("f1 0.7") < trend["plot"].index("f1 0.9")
    assert "limit" in trend["plot"]


def test_figures_that_something_must_hold_for_come_first():
    assert metrics_of([run(1, 0.5, low={"held": 0.9})], "replies") == ["held", "f1"]
    assert trend_of([], "", "")["plot"] is None


# ---------------------------------------------------------------- words


def test_how_long_ago_and_how_long_still():
    assert ago(NOW - timedelta(seconds=30), NOW) == "just now"
    assert ago(NOW - timedelta(minutes=90), NOW) == "1 h ago"
    assert remaining(NOW + timedelta(seconds=61), NOW) == "2 min left"
    assert remaining(NOW + timedelta(minutes=90), NOW) == "1 h 30 min left"
    assert remaining(NOW, NOW) == "expired"


@pytest.mark.parametrize(
    ("begun", "ended", "said"),
    [
        (None, None, "always"),
        (date(2026, 3, 1), None, "from 2026-03-01"),
        (None, date(2026, 2, 28), "until 2026-02-28"),
        (date(2025, 1, 1), date(2026, 2, 28), "2025-01-01 to 2026-02-28"),
    ],
)
def test_when_a_document_is_in_force(begun, ended, said):
    assert force(found().document.model_copy(update={"valid_from": begun, "valid_to": ended})) == said


def test_a_passages_headings_do_not_repeat_the_title():
    assert heading(("Returns", "Window", "3.2"), "Returns") == "Window › 3.2"
    assert heading((), "Returns") == ""


def test_an_address_holds_any_name():
    assert document_page("a b/c?d#e", "1 & 2") == "/console/documents/a%20b%2Fc%3Fd%23e?version=1%20%26%202"


def test_forms_say_what_was_expected():
    assert choice(Audience, "public", "The audience") is Audience.PUBLIC
    assert choice(Audience, "", "The audience") is None
    assert day("2026-11-23", "As of") == date(2026, 11, 23)
    assert lines(" a \n\n b") == ("a", "b")
    with pytest.raises(InvalidInput, match="audience is 'staff'"):
        choice(Audience, "staff", "The audience")
    with pytest.raises(InvalidInput, match="As of"):
        day("tomorrow", "As of")
