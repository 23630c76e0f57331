"""Names are found before a prompt is written, and masked in all of it."""

import json

import pytest
from tests.contract.test_drafter import GOOD, QUESTION, request
from tests.unit.assist.world import LIBRARY, NOW

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.personal_data_finder import ListedNames
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.assist.drafting.llm import LlmDrafter
from copilot.assist.drafting.styles import DraftStyle
from copilot.assist.grounding import Grounder
from copilot.assist.masking import masker_for, names_in
from copilot.assist.rewording import Rewording
from copilot.assist.rewriting import ChatQueryRewriter
from copilot.domain.conversation import Speaker, Turn
from copilot.domain.errors import DependencyUnavailable
from copilot.domain.transforms import Transform

FINDER = ListedNames("Ana Ruiz", "Ana", "Aurora")


def said(*lines):
    speakers = {"c": Speaker.CUSTOMER, "r": Speaker.REPRESENTATIVE}
    return [
        Turn(
            id=f"turn_{n}",
            conversation_id="conv_1",
            sequence=n + 1,
            speaker=speakers[line[0]],
            text=line[3:],
            created_at=NOW,
        )
        for n, line in enumerate(lines)
    ]


async def test_a_name_is_masked_wherever_it_stands_the_longest_first():
    masker = await masker_for(FINDER, ["I am Ana Ruiz."])

    masked = masker.mask("I am Ana Ruiz. Anabel and Ana know me: ana@x.com")

    assert masked == "I am [NAME_1]. Anabel and [NAME_2] know me: [EMAIL_1]"
    assert masker.unmask(masked) == "I am Ana Ruiz. Anabel and Ana know me: ana@x.com"


async def test_what_goes_out_with_the_knowledge_anyway_is_left_as_it_is():
    names = await names_in(FINDER, ["Ana wants the Aurora lantern"], public=["The Aurora lantern runs 20 h."])
    assert set(names) == {"Ana"}


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (("r: May I have your full name?", "c: viswa kumar."), {"viswa kumar"}),
        (("r: What is the last name on the account?", "c: o'neill"), {"o'neill"}),
        (("r: Who am I speaking to?", "c: long day, my lantern broke!"), set()),
        (("r: Which order is it?", "c: the newest"), set()),
        (("c: What is your name?", "c: hello"), set()),
    ],
)
async def test_a_short_answer_to_a_question_for_a_name_is_one(lines, names):
    assert set(await names_in(None, [], turns=said(*lines))) == names


async def test_numbers_that_identify_somebody_do_not_come_back():
    masker = await masker_for(None, [], names={"44051401359": "PL_PESEL", "Ana": "NAME"})
    assert masker.unmask(masker.mask("Ana, 44051401359")) == "Ana, [PL_PESEL_1]"


async def test_no_drafts_prompt_holds_a_name():
    model = ScriptedChatModel(GOOD[DraftStyle.STRUCTURED])
    drafter = LlmDrafter(model, Grounder(HashingEmbedder()), FakeTokenCounter(), finder=FINDER)

    pieces = [p async for p in drafter.draft(request(*LIBRARY[:1], text=f"Ana Ruiz here. {QUESTION}"))]

    assert "".join(p.text for p in pieces)
    assert "[NAME_1] here." in model.asked[0][1]["content"]
    assert "Ruiz" not in json.dumps(model.asked)


async def test_a_question_is_rewritten_without_names_and_searched_for_with_them():
    model = ScriptedChatModel("Where is the order of [NAME_1]?")
    rewriter = ChatQueryRewriter(model, seconds=1, finder=FINDER)

    question = await rewriter.rewrite("Where is my order? ana@x.com", ["Ana Ruiz here"])

    assert question == "Where is the order of Ana Ruiz?"
    assert not any(value in json.dumps(model.asked) for value in ("Ruiz", "ana@x.com"))


async def test_nothing_leaves_when_nobody_can_look():
    class Gone:
        async def find(self, _texts):
            raise DependencyUnavailable("its thread is gone", where="personal-data")

    model = ScriptedChatModel("anything")
    drafter = LlmDrafter(model, Grounder(HashingEmbedder()), FakeTokenCounter(), finder=Gone())
    with pytest.raises(DependencyUnavailable):
        [p async for p in drafter.draft(request(*LIBRARY[:1]))]
    assert await ChatQueryRewriter(model, seconds=1, finder=Gone()).rewrite("Where?", ["Ana"]) is None
    rewording = Rewording(model, Grounder(HashingEmbedder()), finder=Gone())
    with pytest.raises(DependencyUnavailable):
        await rewording.reword([], Transform.SHORTER, company="Larkfield", names={})
    assert model.asked == []
