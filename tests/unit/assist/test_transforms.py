"""Other words for a draft or a representative's own text: the facts stay, or it is refused."""

import json

import pytest
from tests.unit.assist.world import RITA, world

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.assist.drafting.llm import LlmDrafter
from copilot.assist.grounding import Grounder
from copilot.assist.rewording import Rewording
from copilot.domain.assist import Drafter, Support
from copilot.domain.errors import (
    Conflict,
    DependencyUnavailable,
    InvalidDraft,
    InvalidInput,
    MeaningChanged,
    ModelNeeded,
)
from copilot.domain.transforms import Transform

QUESTION = "how long does standard shipping take?"
QUOTE = "Standard shipping takes 3 to 5 business days and costs $6.95."
OWN = (
    "Thank you for your patience. Please note that your refund of $49.00 was sent on 23 November. "
    "Could you tell me your ZIP code? Is there anything else I can do for you?"
)


def rewording(*sentences, raw=None):
    return Rewording(
        ScriptedChatModel(raw or json.dumps({"sentences": sentences})), Grounder(HashingEmbedder())
    )


async def transformed(how, text=OWN, **more):
    model = more.pop("rewording", None)
    w = await world(rewording=model)
    return await w.live.transform(RITA, w.conversation.id, how, text=text, **more)


async def test_shorter_leaves_out_phrases_and_keeps_facts_and_questions():
    short = await transformed(Transform.SHORTER)
    assert short.text == ("Your refund of $49.00 was sent on 23 November. Could you tell me your ZIP code?")
    assert short.left_out == ("Thank you for your patience.", "Is there anything else I can do for you?")
    assert short.drafter is Drafter.COMPOSER


@pytest.mark.parametrize(
    "text", ["It cannot be refunded.", "Your parcel is in Chicago. It was not damaged.", "Thank you!"]
)
async def test_what_has_nothing_to_spare_stays_as_it_is(text):
    short = await transformed(Transform.SHORTER, text)
    assert (short.text, short.changed) == (text, False)


async def test_a_letter_keeps_its_form():
    letter = f"Dear Elena,\n\n{OWN}\n\nKind regards,\nLarkfield"
    short = await transformed(Transform.SHORTER, letter)
    assert short.text.startswith("Dear Elena,\n\nYour refund")
    assert short.text.endswith("\n\nKind regards,\nLarkfield")


async def test_a_draft_made_shorter_keeps_what_it_rests_on():
    w = await world()
    await w.customer(QUESTION)
    draft = (await w.snapshot()).suggestion
    short = await w.live.transform(RITA, w.conversation.id, Transform.SHORTER, suggestion_id=draft.id)
    (sentence,) = short.sentences
    assert sentence.support is Support.SUPPORTED
    assert sentence.citations[0].quote == QUOTE


async def test_friendlier_speaks_with_the_brands_voice_and_changes_no_word():
    warm = await transformed(Transform.FRIENDLIER, "It was sent on 23 November.")
    assert warm.text == (
        "Thank you for reaching out. It was sent on 23 November. "
        "Please let me know if there is anything else I can do for you."
    )
    again = await transformed(Transform.FRIENDLIER, warm.text)
    assert not again.changed


async def test_an_upset_customer_is_met_with_regret():
    w = await world()
    await w.customer("this is terrible and unacceptable, nobody helps me")
    warm = await w.live.transform(RITA, w.conversation.id, Transform.FRIENDLIER, text="It was sent.")
    assert warm.text.startswith("I am sorry for the trouble.")


@pytest.mark.parametrize("how", [Transform.TRANSLATE, Transform.REWRITE])
async def test_what_only_a_model_can_do_says_so(how):
    with pytest.raises(ModelNeeded, match="needs a language model"):
        await transformed(how, language="de")


async def test_a_translation_needs_a_language():
    with pytest.raises(InvalidInput, match="language"):
        await transformed(Transform.TRANSLATE)


async def test_a_models_words_keep_what_the_old_ones_rested_on():
    w = await world(rewording=rewording("Standard shipping costs $6.95 and takes 3 to 5 business days."))
    await w.customer(QUESTION)
    draft = (await w.snapshot()).suggestion
    new = await w.live.transform(RITA, w.conversation.id, Transform.SHORTER, suggestion_id=draft.id)
    assert new.drafter is Drafter.LLM
    assert [s.support for s in new.sentences] == [Support.SUPPORTED]
    assert new.sentences[0].citations[0].quote == QUOTE


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("Your refund of $94.00 was sent on 23 November. Could you tell me your ZIP code?", "49.00"),
        ("Your refund of $49.00 was sent. Could you tell me your ZIP code?", "23 November"),
        ("Your refund of $49.00 was sent on 23 November. Tell me your ZIP code.", "question"),
        ("Your refund of $49.00 was sent on 23 November by Omar. Could you tell me your ZIP code?", "Omar"),
        ("Refund of $49.00 sent on 23 November: https://evil.example/x. Your ZIP code?", "evil.example"),
    ],
)
async def test_words_that_lose_or_add_a_fact_are_refused_with_the_reason(said, problem):
    with pytest.raises(MeaningChanged, match=problem):
        await transformed(Transform.REWRITE, rewording=rewording(said))


async def test_a_sentence_that_says_something_else_is_marked():
    new = await transformed(
        Transform.REWRITE,
        "Your refund was sent on 23 November.",
        rewording=rewording(
            "Your refund was sent on 23 November.", "We will always replace everything for free."
        ),
    )
    assert [s.support for s in new.sentences] == [Support.TEMPLATE, Support.UNSUPPORTED]


async def test_a_translation_goes_sentence_by_sentence():
    german = ("Ihre Rückerstattung von $49.00 wurde am 23. November gesendet.", "Wie lautet Ihre ZIP?")
    english = "Your refund of $49.00 was sent on 23 November. What is your ZIP?"
    new = await transformed(Transform.TRANSLATE, english, language="de", rewording=rewording(*german))
    assert new.text == " ".join(german)
    with pytest.raises(MeaningChanged, match="sentences"):
        await transformed(Transform.TRANSLATE, english, language="de", rewording=rewording(german[0]))
    wrong = (german[0].replace("49", "94"), german[1])
    with pytest.raises(MeaningChanged, match="49"):
        await transformed(Transform.TRANSLATE, english, language="de", rewording=rewording(*wrong))


async def test_garbage_and_a_model_that_is_down_leave_the_text_as_it_was():
    with pytest.raises(InvalidDraft):
        await transformed(Transform.REWRITE, rewording=rewording(raw="Sure!"))
    with pytest.raises(DependencyUnavailable):
        await transformed(Transform.REWRITE, rewording=rewording(raw=DependencyUnavailable("Down.")))


async def test_a_draft_that_was_replaced_can_be_had_back():
    better = json.dumps(
        {
            "evidence": [{"passage": 1, "quote": QUOTE}],
            "reply": "Standard shipping takes 3 to 5 business days.",
        }
    )
    llm = LlmDrafter(ScriptedChatModel(better), Grounder(HashingEmbedder()), FakeTokenCounter())
    w = await world(llm=llm)
    await w.customer(QUESTION)
    first, second = [e.data for e in await w.events() if e.type == "suggestion.completed"]
    assert second.replaces == first.id

    back = await w.live.restore(RITA, first.id)

    assert (back.id, back.text, back.replaces) == (first.id, first.text, second.id)
    assert (await w.snapshot()).suggestion.id == first.id
    assert (await w.events())[-1].type == "suggestion.completed"
    assert (await w.live.restore(RITA, first.id)).id == first.id  # nothing more to do
    assert (await w.live.restore(RITA, second.id)).id == second.id  # and forth again

    await w.representative("One moment.")
    with pytest.raises(Conflict, match="gone on"):
        await w.live.restore(RITA, first.id)


async def test_a_letter_made_friendlier_keeps_its_form():
    letter = "Dear Elena,\n\nIt was sent on 23 November.\n\nKind regards,\nLarkfield"
    warm = await transformed(Transform.FRIENDLIER, letter)
    assert warm.text == (
        "Dear Elena,\n\nThank you for reaching out. It was sent on 23 November. "
        "Please let me know if there is anything else I can do for you.\n\nKind regards,\nLarkfield"
    )
