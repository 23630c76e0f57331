"""What a turn means depends on what was asked before it."""

import pytest
from tests.unit.assist.world import world

ASKED = "I can refund it or send a replacement. Which would you prefer?"
OFFERED_MORE = "That is settled. Is there anything else I can help you with?"
FAINT = "refund of my order and what about shipping then"


async def intent_after(representative: str, customer: str) -> str | None:
    w = await world()
    await w.customer("I want a refund for my broken lantern")
    await w.representative(representative)
    await w.customer(customer)
    found = (await w.snapshot()).understanding.intent
    return found.name if found else None


async def test_an_answer_to_the_representatives_question_stays_with_the_matter():
    assert await intent_after(ASKED, FAINT) == "refund_request"
    assert await intent_after(OFFERED_MORE, FAINT) == "shipping_question"


@pytest.mark.parametrize("representative", [ASKED, OFFERED_MORE])
async def test_a_new_matter_that_is_clear_is_heard(representative):
    clear = "How much is shipping and how long does shipping take to Canada?"

    assert await intent_after(representative, clear) == "shipping_question"
