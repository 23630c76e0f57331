"""Saved replies, hints, and the form of a reply."""

import pytest
from tests.unit.assist.world import ELENA_ORDER, RITA, world

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.language_detector import WordCountDetector
from copilot.assist.macros import SavedReplies
from copilot.domain.assist import Support
from copilot.domain.conversation import Channel
from copilot.domain.errors import InvalidInput, NotFound
from copilot.domain.macro import Macro

VOUCHER = Macro(
    id="offer-voucher",
    title="Offer a goodwill voucher",
    examples=("offer the voucher", "give them a voucher"),
    text="I'd like to make up for the trouble with a voucher.\nMay I add it to your account?",
)
DELIVERED = Macro.model_validate(
    {
        "id": "delivered",
        "title": "When it was delivered",
        "examples": ["when was my parcel delivered"],
        "text": "Your order {{ order.id }} was delivered on {{ order.delivered_on }}.",
    }
)
BOTH = (VOUCHER, DELIVERED)


async def test_saved_replies_are_found_by_what_they_are_for():
    saved = SavedReplies(HashingEmbedder())
    assert (await saved.search(BOTH, "give a voucher"))[0].macro == VOUCHER
    assert (await saved.search(BOTH, "when was it delivered"))[0].macro == DELIVERED
    assert await saved.search(BOTH, "quantum chromodynamics") == []
    assert [f.macro.id for f in await saved.search(BOTH, "")] == ["offer-voucher", "delivered"]


async def test_a_saved_reply_is_filled_with_the_facts_of_the_conversation():
    w = await world(macros=BOTH)
    await w.customer(f"I want a refund for my broken order {ELENA_ORDER}, I am elena@example.com")
    filled = await w.live.fill_macro(RITA, w.conversation.id, "delivered")
    calls = {e.data.result.call.id for e in await w.events() if e.type == "tool.result"}
    assert filled.text == f"Your order {ELENA_ORDER} was delivered on 15 November 2026."
    assert filled.sources
    assert set(filled.sources) <= calls


async def test_a_saved_reply_with_a_gap_is_refused_and_the_gap_named():
    w = await world(macros=BOTH)
    await w.customer("when was my parcel delivered?")
    with pytest.raises(InvalidInput, match=r"order\.id, order\.delivered_on"):
        await w.live.fill_macro(RITA, w.conversation.id, "delivered")
    with pytest.raises(NotFound):
        await w.live.fill_macro(RITA, w.conversation.id, "unheard-of")


async def test_a_hint_shapes_the_draft_in_the_teams_own_words():
    w = await world(macros=BOTH)
    await w.customer(f"I want a refund for my broken order {ELENA_ORDER}, I am elena@example.com")
    before = (await w.snapshot()).suggestion
    await w.live.ask(RITA, w.conversation.id, "What can I offer her?", "offer the voucher")
    await w.live.idle()

    draft = (await w.snapshot()).suggestion
    assert draft.id != before.id
    assert draft.text == (
        "I am sorry about that, Elena. I'd like to make up for the trouble with a voucher. "
        "May I add it to your account?"
    )
    assert {s.support for s in draft.sentences} == {Support.FACT, Support.TEMPLATE}
    assert draft.why == "shown because you asked for it"


async def test_a_question_without_a_hint_leaves_the_draft_alone():
    w = await world(macros=BOTH)
    await w.customer("how long does standard shipping take?")
    before = (await w.snapshot()).suggestion
    await w.live.ask(RITA, w.conversation.id, "How long does express shipping take?")
    await w.live.idle()
    assert (await w.snapshot()).suggestion == before


async def test_a_saved_reply_is_drafted_where_no_playbook_knows_the_matter():
    w = await world(macros=BOTH)
    await w.customer("give me a voucher now")
    assert (await w.snapshot()).suggestion.text.startswith("I'd like to make up for the trouble")


async def test_an_email_is_written_as_a_letter():
    w = await world()
    w.conversation = await w.live.open(RITA, Channel.EMAIL, "", "elena@example.com", customer_verified=True)
    await w.customer("how long does standard shipping take?")
    suggestion = (await w.snapshot()).suggestion
    assert suggestion.text.startswith("Dear Elena,\n\nThanks for asking.")
    assert suggestion.text.endswith("\n\nKind regards,\nLarkfield")
    assert suggestion.sentences[0].support is Support.FACT
    streamed = "".join(e.data.text for e in await w.events() if e.type == "suggestion.delta")
    assert streamed == suggestion.text


async def test_a_stranger_is_greeted_without_a_name():
    w = await world()
    w.conversation = await w.live.open(RITA, Channel.EMAIL)
    await w.customer("how long does standard shipping take?")
    assert (await w.snapshot()).suggestion.text.startswith("Hello,\n\n")


async def test_a_language_without_templates_is_said_to_have_none():
    w = await world(languages=WordCountDetector())
    await w.customer("¿cuánto tarda el envío estándar? Necesito saber cuando llega mi pedido")
    blocked = next(e.data for e in await w.events() if e.type == "suggestion.blocked")
    assert blocked.reason == "language"
    assert blocked.message == "The customer writes in 'es'; there are templates in en only."
    assert (await w.snapshot()).suggestion is None
