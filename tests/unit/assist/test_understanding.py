"""What a turn means depends on what was asked before it."""

from dataclasses import dataclass

import numpy as np
import pytest
from tests.unit.assist.world import ELENA_ORDER, NOW, OLD_ORDER, REFUND, SHIPPING, world

from copilot.assist.classifier import Prediction
from copilot.assist.profile import TenantProfile
from copilot.assist.reading import answers
from copilot.assist.understanding import Understander
from copilot.domain.conversation import Channel, Conversation, Speaker, Turn

ASKED = "I can refund it or send a replacement. Which would you prefer?"
OFFERED_MORE = "That is settled. Is there anything else I can help you with?"
FAINT = "refund of my order and what about shipping then"


CLEAR = "How much is shipping and how long does shipping take to Canada?"


async def intent_after(
    representative: str,
    customer: str,
    *,
    first="I want a refund for my broken lantern",
    playbooks=(REFUND, SHIPPING),
) -> str | None:
    w = await world(playbooks=playbooks)
    await w.customer(first)
    await w.representative(representative)
    await w.customer(customer)
    found = (await w.snapshot()).understanding.intent
    return found.name if found else None


async def test_an_answer_to_the_representatives_question_stays_with_the_matter():
    assert await intent_after(ASKED, FAINT) == "refund_request"
    assert await intent_after(OFFERED_MORE, FAINT) == "shipping_question"


@pytest.mark.parametrize("representative", [ASKED, OFFERED_MORE])
async def test_a_new_matter_that_is_clear_is_heard(representative):
    assert await intent_after(representative, CLEAR) == "shipping_question"


# A playbook may say of another intent that it is what people want done about this one.
KEEPS_SHIPPING = (REFUND.model_copy(update={"remedies": ("shipping_question",)}), SHIPPING)


async def test_what_is_wanted_about_a_matter_is_no_new_one():
    assert await intent_after(OFFERED_MORE, CLEAR, playbooks=KEEPS_SHIPPING) == "refund_request"


async def test_what_is_wanted_about_another_order_is_a_new_matter():
    first = f"I want a refund for my broken lantern {ELENA_ORDER}"
    same, other = f"{CLEAR} It is {ELENA_ORDER}.", f"{CLEAR} It is {OLD_ORDER}."

    assert await intent_after(OFFERED_MORE, same, first=first, playbooks=KEEPS_SHIPPING) == "refund_request"
    assert (
        await intent_after(OFFERED_MORE, other, first=first, playbooks=KEEPS_SHIPPING) == "shipping_question"
    )


async def test_a_remedy_that_opens_a_conversation_is_its_matter():
    w = await world(playbooks=KEEPS_SHIPPING)
    await w.customer(CLEAR)

    assert (await w.snapshot()).understanding.intent.name == "shipping_question"


@dataclass(frozen=True)
class Heard:
    """Reads the intents of texts from a list; a text's vector is its place in it."""

    readings: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]

    async def embed_query(self, text):
        texts = [said for said, _ in self.readings]
        return np.array([texts.index(text)], dtype=np.float32)

    def predict(self, features):
        return Prediction(self.readings[int(features.vector[0])][1], in_scope=True, scope_score=1.0)


@pytest.mark.parametrize(
    ("remedies", "matter"), [(("refund_request",), "shipping_question"), ((), "refund_request")]
)
async def test_what_happened_counts_before_what_is_wanted_for_it(remedies, matter):
    happened, wanted = "It took three weeks to come.", "I want my money back."
    turn = Turn(
        id="turn_1",
        conversation_id="conv_1",
        sequence=1,
        speaker=Speaker.CUSTOMER,
        text=f"{happened} {wanted}",
        created_at=NOW,
    )
    conversation = Conversation(
        id="conv_1",
        tenant_id="larkfield",
        channel=Channel.CHAT,
        created_at=NOW,
        updated_at=NOW,
        turns=(turn,),
    )
    heard = Heard(
        (
            (turn.text, (("shipping_question", 0.48), ("refund_request", 0.47))),
            (happened, (("shipping_question", 0.6), ("refund_request", 0.1))),
            (wanted, (("refund_request", 0.95), ("shipping_question", 0.01))),
        )
    )
    late = SHIPPING.model_copy(update={"remedies": remedies})
    profile = TenantProfile("larkfield", {p.intent: p for p in (REFUND, late)}, intents=heard, sentiment=None)

    understood = await Understander(heard).understand(
        conversation, turn, profile=profile, previous=None, today=NOW.date()
    )

    assert understood.intent.name == matter


@pytest.mark.parametrize(
    ("said", "asks"),
    [
        ("Which item is it about? The order has a lantern and a tent.", True),
        ("Thank you. Could you tell me your order number?", True),
        ("That is settled. Is there anything else I can do for you? Have a lovely day.", False),
        ("I have refunded it.", False),
    ],
)
def test_a_question_is_heard_wherever_it_stands(said, asks):
    speakers = ((1, Speaker.REPRESENTATIVE, said), (2, Speaker.CUSTOMER, "The lantern."))
    turns = tuple(
        Turn(id=f"turn_{n}", conversation_id="conv_1", sequence=n, speaker=speaker, text=text, created_at=NOW)
        for n, speaker, text in speakers
    )
    conversation = Conversation(
        id="conv_1", tenant_id="larkfield", channel=Channel.CHAT, created_at=NOW, updated_at=NOW, turns=turns
    )
    assert answers(conversation, turns[-1]) is asks
