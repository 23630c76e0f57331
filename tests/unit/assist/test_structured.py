"""A model's answer in a fixed form: taken, asked for once more, or refused, never guessed."""

import json
from datetime import timedelta

import pytest
from tests.unit.assist.world import NOW, REFUND, SHIPPING

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.assist.choosing import Chooser
from copilot.assist.structured import ask_structured
from copilot.assist.summary import State, update_summary
from copilot.assist.summary_refining import SummaryRefiner
from copilot.domain.assist import NextAction, NextActionKind
from copilot.domain.conversation import Channel, Conversation, Speaker, Turn
from copilot.domain.errors import DependencyUnavailable, InvalidDraft
from copilot.domain.value import Value
from copilot.domain.wrap_up import Summary


class Size(Value):
    centimetres: int


ASK = [{"role": "user", "content": "How long is it?"}]


async def size(*answers) -> tuple[Size, ScriptedChatModel]:
    model = ScriptedChatModel(*answers)
    return await ask_structured(model, ASK, Size, max_tokens=50), model


async def test_an_answer_of_the_right_form_is_taken_at_once():
    found, model = await size('{"centimetres": 42}')
    assert found.centimetres == 42
    assert len(model.asked) == 1


@pytest.mark.parametrize("wrong", ["about 42", '{"centimetres": "long"}', '{"inches": 16}', "[42]", ""])
async def test_an_answer_out_of_form_is_asked_for_once_more_with_what_is_wrong(wrong):
    found, model = await size(wrong, '{"centimetres": 42}')
    assert found.centimetres == 42
    assert model.asked[1][-1]["content"].startswith("That is not right:")


async def test_a_second_answer_out_of_form_is_refused():
    model = ScriptedChatModel("42", "42 cm", '{"centimetres": 42}')
    with pytest.raises(InvalidDraft):
        await ask_structured(model, ASK, Size, max_tokens=50)
    assert len(model.asked) == 2


def conversation(*said: tuple[str, str]) -> Conversation:
    turns = [
        Turn(
            id=f"turn_{n}",
            conversation_id="conv_1",
            sequence=n,
            speaker=Speaker.CUSTOMER if who == "C" else Speaker.REPRESENTATIVE,
            text=text,
            created_at=NOW + timedelta(minutes=n),
        )
        for n, (who, text) in enumerate(said, start=1)
    ]
    return Conversation(
        id="conv_1",
        tenant_id="larkfield",
        channel=Channel.CHAT,
        turns=tuple(turns),
        created_at=NOW,
        updated_at=NOW,
    )


def action(step: str) -> NextAction:
    return NextAction(
        id=step, kind=NextActionKind.INFORM, title=step, why="Because.", playbook="refund_request", step=step
    )


BROKEN = conversation(
    ("C", "My lantern arrived broken, it cost $49."),
    ("R", "I am sorry. I will send you a new lantern tomorrow."),
)


async def test_the_model_puts_one_of_the_offered_actions_first():
    model = ScriptedChatModel('{"option": 2, "because": "It is broken."}')
    ranked = await Chooser(model).next_action(BROKEN, [action("verify"), action("refund")])
    assert [a.step for a in ranked] == ["refund", "verify"]


async def test_an_action_that_was_not_offered_is_refused():
    model = ScriptedChatModel('{"option": 7, "because": "A present helps."}')
    with pytest.raises(InvalidDraft):
        await Chooser(model).next_action(BROKEN, [action("verify"), action("refund")])


async def test_the_disposition_is_one_of_the_playbooks():
    playbooks = {p.intent: p for p in (REFUND, SHIPPING)}
    model = ScriptedChatModel('{"option": 1, "because": "Money back."}')
    summary = Summary(conversation_id="conv_1", revision=2)
    found = await Chooser(model).disposition(BROKEN, summary, playbooks)
    assert (found.code, found.title) == (REFUND.disposition, REFUND.title)


def line(text: str, *sources: int) -> dict:
    return {"text": text, "sources": sources}


async def refined(**groups) -> Summary:
    rough = update_summary(None, BROKEN.turns, BROKEN, State())
    return await SummaryRefiner(ScriptedChatModel(json.dumps(groups))).refine(rough, BROKEN, ())


async def test_a_better_line_is_taken_with_the_turn_it_names():
    summary = await refined(issue=line("The lantern arrived broken.", 1))
    assert summary.issue.text == "The lantern arrived broken."
    assert summary.issue.turn_ids == ("turn_1",)


@pytest.mark.parametrize(
    "invented",
    [
        line("The lantern arrived broken and cost $94.", 1),
        line("The customer was promised a voucher by Robin.", 2),
        line("The lantern arrived broken.", 9),
        line("The lantern arrived broken.", 2),
        line("The lantern never arrived broken.", 1),
    ],
)
async def test_what_its_turn_does_not_say_is_dropped(invented):
    rough = update_summary(None, BROKEN.turns, BROKEN, State())
    assert (await refined(reported=[invented])).reported == rough.reported


@pytest.mark.parametrize("answer", ["no JSON", DependencyUnavailable("It is down.")])
async def test_a_model_that_fails_leaves_the_summary_as_it_is(answer):
    rough = update_summary(None, BROKEN.turns, BROKEN, State())
    assert await SummaryRefiner(ScriptedChatModel(answer)).refine(rough, BROKEN, ()) == rough
