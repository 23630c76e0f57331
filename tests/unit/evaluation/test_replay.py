"""Replay: what is read of finished conversations, what a draft does wrong, and when a release fails."""

from datetime import UTC, datetime

import pytest

from copilot.domain.actions import ToolCall, ToolResult
from copilot.domain.archive import FinishedConversation
from copilot.domain.assist import OrderView, ToolResultShown
from copilot.domain.assist_events import ToolResultEvent, TurnEvent
from copilot.domain.commerce import Address, Customer, LineItem, Money, Order, OrderStatus
from copilot.domain.conversation import Channel, Conversation, ConversationStatus, Speaker, Turn
from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.domain.recording import RecordedConversation
from copilot.evaluation.conversations import Performance, Played, Shown
from copilot.evaluation.replay.candidate import PRESENT, Candidate, Price, load_candidate
from copilot.evaluation.replay.finished import as_recording, read_conversations
from copilot.evaluation.replay.moments import Moment, Showing, Tokens, showing
from copilot.evaluation.replay.promises import broken_promises, numbers_of
from copilot.evaluation.replay.run import compared

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


# ---------------------------------------------------------------- promises and numbers


def denied(tool="refund_order", outcome="deny"):
    return [{"call": {"tool": tool}, "decision": {"outcome": outcome}}]


@pytest.mark.parametrize(
    "text",
    [
        "I can refund $80.00 to your Visa.",
        "We've just refunded the whole amount.",
        "Your money has been refunded.",
        "Your refund of $80 is on its way.",
        "You'll get a full refund.",
    ],
)
def test_a_refund_that_policy_denies_must_not_be_promised(text):
    assert broken_promises([{"text": text}], denied(), []) == [f"refund_order is denied: {text}"]
    assert broken_promises([{"text": text}], denied(outcome="allow"), []) == []
    assert broken_promises([{"text": text}], denied("cancel_pending_order"), []) == []


@pytest.mark.parametrize(
    "text",
    [
        "I can't refund it as damaged on arrival.",
        "A refund of $80 needs a supervisor's approval.",
        "Order LF-1 has already been refunded in full.",
        "I'm checking whether we can refund it.",
        "Thank you for your patience.",
    ],
)
def test_to_refuse_or_to_look_is_no_promise(text):
    assert broken_promises([{"text": text}], denied(), []) == []


def test_a_rule_that_is_quoted_promises_nothing():
    rule = "We refund the shipping fee of every late parcel."

    assert broken_promises([{"text": rule}], denied(), [f"Late parcels. {rule}"]) == []
    assert broken_promises([{"text": rule}], denied(), []) != []


def test_numbers_are_compared_as_people_write_them():
    order = {"total": {"minor": 4900, "currency": "USD"}, "delivered_at": "2026-11-09T10:00:00Z"}

    assert numbers_of("It cost $49.00, and came on November 9.") <= numbers_of(order)
    assert numbers_of("That is $49.50.") - numbers_of(order) == {"49.5"}


def test_ids_offsets_and_times_of_day_are_no_source_of_numbers():
    shown = {"id": "act_019ab1c2-37aa-7000-8000-0123456789ab", "start": 37, "at": "2026-11-09T10:37:00Z"}

    assert numbers_of(shown) == {"2026", "11", "9"}


# ---------------------------------------------------------------- what was shown

RECORDING = RecordedConversation.model_validate(
    {
        "id": "torn-box",
        "title": "A torn box",
        "channel": "chat",
        "turns": [
            {"customer": "The box of LF-7 is torn, I want $80."},
            {"representative": "I'm sorry, I can't pay $80 for a torn box."},
            {"customer": "Then $20?"},
            {"approve": "refund_order"},
        ],
    }
)


def shown(draft="", actions=(), cards=()):
    found = Shown()
    found.last["knowledge"] = {"cards": [{"text": card} for card in cards]}
    found.last["next_actions"] = {"actions": list(actions)}
    if draft:
        sentences = [{"text": f"{part}."} for part in draft.rstrip(".").split(". ")]
        found.last["suggestion.completed"] = {"text": draft, "sentences": sentences}
        found.after["suggestion.completed"] = 120.0
    return found


def performed(*panels, problem=None):
    turns = [
        Played(number, "", panel, problem if number == 4 else None)
        for number, panel in enumerate((*panels, Shown()), start=1)
    ]
    return Performance(RECORDING, tuple(turns), ())


def test_a_moment_is_a_customers_turn_held_against_what_was_sent_next():
    waits = [{"call": {"tool": "refund_order"}, "action_id": "act_1", "decision": {"outcome": "allow"}}]
    good = "I'm sorry, I can't pay $80 for a torn box."

    one = showing(performed(shown(good), Shown(), shown("I can refund $35.", waits), Shown()))

    first, second = one.moments
    assert (first.distance, first.helped, first.strange_numbers) == (0.0, True, ())
    assert (second.sent, second.distance, second.strange_numbers) == (None, None, ("35",))
    assert one.approvals == (True,)
    assert one.not_taken == ()
    scores = one.scores()
    assert (scores["useful"], scores["strange_numbers"], scores["first_useful_ms"]) == (1.0, 0.5, 120.0)


def test_no_draft_leaves_everything_to_be_written_and_a_missing_proposal_is_seen():
    one = showing(performed(Shown(), Shown(), Shown(), Shown(), problem="nobody proposed it"))

    scores = one.scores()
    assert (scores["suggestions"], scores["edit_distance"], scores["useful"]) == (0.0, 1.0, 0.0)
    assert (scores["approvals_offered"], scores["answers_to_first_useful"]) == (0.0, 2.0)


# ---------------------------------------------------------------- two systems


def with_draft(name, draft, distance, *, broken=(), tokens=0):
    moment = Moment(
        turn=1,
        said="customer: hello",
        draft=draft,
        sent="Hello!",
        distance=distance,
        helped=distance < 0.4,
        broken_promises=broken,
        strange_numbers=(),
        proposals=(),
        milliseconds=50.0,
    )
    return Showing(id=name, moments=(moment,), tokens=Tokens(prompt=tokens))


def test_a_candidate_that_breaks_promises_fails_and_its_worst_cases_come_with_evidence():
    before = [with_draft(f"c{n}", "Hello!", 0.0) for n in range(12)]
    after = [
        with_draft(f"c{n}", "I can refund it.", 0.9, broken=("refund_order is denied: I can refund it.",))
        if n % 2
        else one
        for n, one in enumerate(before)
    ]

    outcome = compared(before, after, Candidate(name="new"), PRESENT)

    failed = {v.name for v in outcome.verdicts if not v.passed}
    assert {"better", "useful", "edit_distance", "broken_promises"} <= failed
    worst = min(outcome.cases, key=lambda case: case.scores["better"])
    assert "  before: Hello!" in worst.evidence["what changed"]
    assert "  broken promise: refund_order is denied: I can refund it." in worst.evidence["what changed"]


def test_one_slip_of_many_is_shown_and_fails_nothing():
    before = [with_draft(f"c{n}", "Hello!", 0.0) for n in range(12)]
    after = [*before[:-1], with_draft("c11", "Hi!", 0.5)]

    outcome = compared(before, after, Candidate(name="new"), PRESENT)

    assert outcome.passed
    assert outcome.figures["suggestions_changed"] == 1


def test_what_it_costs_is_counted_where_the_price_is_known():
    before, after = ([with_draft("c", "Hello!", 0.0, tokens=n)] for n in (1_000, 3_000))
    dear = Candidate(name="new", price=Price(prompt=2.0, completion=8.0))

    outcome = compared(before, after, dear, PRESENT)

    assert (outcome.figures_before["cost"], outcome.figures["cost"]) == (0.002, 0.006)


def test_a_conversation_that_the_candidate_cannot_play_counts_as_failed():
    before = [with_draft("c", "Hello!", 0.0)]

    outcome = compared(before, [Showing(id="c", problem="no event for 60 s")], Candidate(name="new"), PRESENT)

    assert not outcome.passed
    assert [case.error for case in outcome.cases] == ["no event for 60 s"]


# ---------------------------------------------------------------- reading


def event(number, revision, **data):
    return {"id": number, "conversation_id": "conv_9", "revision": revision, "created_at": NOW, **data}


def turn(number, speaker, text):
    return Turn(
        id=f"turn_{number}",
        conversation_id="conv_9",
        sequence=number,
        speaker=speaker,
        text=text,
        created_at=NOW,
    )


def test_a_conversation_of_the_store_becomes_one_that_can_be_played(tmp_path):
    asks, answers = turn(1, Speaker.CUSTOMER, "It is broken."), turn(2, Speaker.REPRESENTATIVE, "I'm sorry!")
    address = Address(address1="1 A St", city="B", state="WI", country="USA", zip="53703")
    maya = Customer(id="maya", first_name="Maya", last_name="L", email="maya@example.com", address=address)
    lamp = LineItem(item_id="i", product_id="p", name="Lamp", price=Money(minor=4900))
    order = Order(
        id="LF-7",
        customer_id="maya",
        status=OrderStatus.DELIVERED,
        items=(lamp,),
        placed_at=NOW,
        address=address,
    )
    result = ToolResult(call=ToolCall(id="c", tool="get_order_details"), ok=True, created_at=NOW)
    view = ToolResultShown(result=result, order_view=OrderView(customer=maya, orders=(order,)))
    finished = FinishedConversation(
        conversation=Conversation(
            id="conv_9",
            tenant_id="larkfield",
            channel=Channel.CHAT,
            status=ConversationStatus.WRAPPED_UP,
            revision=3,
            customer_id="maya",
            created_at=NOW,
            updated_at=NOW,
            turns=(asks, answers),
        ),
        events=(
            TurnEvent(**event(1, 1, data=asks)),
            ToolResultEvent(**event(2, 2, data=view)),
            TurnEvent(**event(3, 3, data=answers)),
        ),
    )
    export = tmp_path / "export.jsonl"
    export.write_text(f"{finished.model_dump_json()}\n{{}}\n", encoding="utf-8")

    (recording,), (refused,) = read_conversations([export])

    assert recording == as_recording(finished)
    assert recording.id == "conv-9"
    assert [t.model_dump(exclude_none=True) for t in recording.turns] == [
        {"customer": "It is broken."},
        {"verify": {"email": "maya@example.com", "order_id": "LF-7"}},
        {"representative": "I'm sorry!"},
    ]
    assert refused.source == f"{export}:2"


def test_a_candidate_names_what_differs(tmp_path):
    (tmp_path / "books").mkdir()
    file = tmp_path / "new.yaml"
    file.write_text(
        "name: new\nsettings: {llm_style: prose}\nplaybooks: books\n"
        "answer_threshold: 0.5\ninterruption_cost: 2\n"
    )

    candidate = load_candidate(file)

    assert candidate.system == {"llm_style": "prose", "answer_threshold": 0.5, "interruption_cost": 2.0}
    base = tmp_path / "base"
    (base / "playbooks").mkdir(parents=True)
    (base / "playbooks/old.yaml").write_text("old")
    (base / "a.md").write_text("An article.")
    (tmp_path / "books/new.yaml").write_text("new")
    laid = candidate.lay_out(base, tmp_path / "copy")
    assert sorted(p.relative_to(laid).as_posix() for p in laid.rglob("*.*")) == ["a.md", "playbooks/new.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: new\nsettings: {llm_modle: x}\n", "did you mean 'llm_model'"),
        ("name: new\nsettings: {data_dir: x}\n", "no setting 'data_dir' here"),
        ("name: new\nsettings: {llm_style: verse}\n", "structured"),
        ("name: new\nprompts: nowhere\n", "no folder 'nowhere'"),
        ("name: new\nthreshold: 1\n", "threshold"),
    ],
)
def test_what_is_wrong_in_a_candidate_is_said(tmp_path, text, said):
    file = tmp_path / "new.yaml"
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=said):
        load_candidate(file)
    with pytest.raises(InvalidInput, match="no such file"):
        load_candidate(tmp_path / "old.yaml")
