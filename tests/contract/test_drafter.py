"""What every Drafter does, whether it composes or asks a model."""

import json
from contextlib import asynccontextmanager

import pytest
from tests.servers.openai_server import openai_server, say
from tests.unit.assist.world import LIBRARY, NOW, SHIPPING, TODAY, document, passage

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.openai_chat import OpenAiChat
from copilot.assist.drafting.composer import Composer
from copilot.assist.drafting.llm import LlmDrafter
from copilot.assist.drafting.styles import DraftStyle
from copilot.assist.grounding import Grounder, contradictions, enforce
from copilot.assist.quoting import QuoteRanker
from copilot.domain.assist import Drafter as DrafterKind
from copilot.domain.assist import Support
from copilot.domain.conversation import Channel, Conversation, Speaker, Turn
from copilot.domain.drafting import DraftRequest, joined
from copilot.domain.knowledge import Audience
from copilot.domain.understanding import Intent, Sentiment, SentimentLabel, Understanding

QUESTION = "How long does standard shipping take?"
QUOTE = "Standard shipping takes 3 to 5 business days and costs $6.95."
GOOD = {
    DraftStyle.STRUCTURED: json.dumps(
        {
            "evidence": [{"passage": 1, "quote": QUOTE}],
            "reply": "Thank you for asking. Standard shipping takes 3 to 5 business days.",
        }
    ),
    DraftStyle.PROSE: "Thank you for asking. Standard shipping takes 3 to 5 business days [1].",
}
LEAK = {
    DraftStyle.STRUCTURED: json.dumps(
        {
            "evidence": [{"passage": 1, "quote": "Express shipping complaints get a $30 voucher"}],
            "reply": "Express shipping complaints get a $30 voucher for gold members.",
        }
    ),
    DraftStyle.PROSE: "Express shipping complaints get a $30 voucher for gold members [1].",
}
INTERNAL = next(d for d in LIBRARY if d.audience is Audience.INTERNAL)


@asynccontextmanager
async def composer(_answers):
    yield Composer(QuoteRanker(HashingEmbedder()))


def with_fake(style):
    @asynccontextmanager
    async def drafter(answers):
        yield _llm(ScriptedChatModel(answers[style]), style)

    return drafter


def over_the_wire(style):
    @asynccontextmanager
    async def drafter(answers):
        async with openai_server(say(answers[style])) as server:
            model = OpenAiChat(model="scripted", base_url=server.url)
            yield _llm(model, style)
            await model.close()

    return drafter


def _llm(model, style):
    return LlmDrafter(model, Grounder(HashingEmbedder()), FakeTokenCounter(), style=style)


MAKERS = {
    "composer": composer,
    "fake model, structured": with_fake(DraftStyle.STRUCTURED),
    "fake model, prose": with_fake(DraftStyle.PROSE),
    "server, structured": over_the_wire(DraftStyle.STRUCTURED),
    "server, prose": over_the_wire(DraftStyle.PROSE),
}
every_drafter = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def request(*documents, answerable=True, asks=True, text=QUESTION):
    turn = Turn(
        id="turn_1",
        conversation_id="conv_1",
        sequence=1,
        speaker=Speaker.CUSTOMER,
        text=text,
        created_at=NOW,
    )
    return DraftRequest(
        conversation=Conversation(
            id="conv_1",
            tenant_id="larkfield",
            channel=Channel.CHAT,
            revision=1,
            turns=(turn,),
            created_at=NOW,
            updated_at=NOW,
        ),
        understanding=Understanding(
            query=text,
            intent=Intent(name="shipping_question", title="Shipping", confidence=0.9),
            sentiment=Sentiment(label=SentimentLabel.NEUTRAL, score=0),
            asks_something=asks,
        ),
        playbook=SHIPPING,
        knowledge=tuple(passage(d) for d in documents or (LIBRARY[0],)),
        answerable=answerable,
        as_of=TODAY,
        today=TODAY,
        company="Larkfield",
        lead="Thank you.",
    )


async def drafted(drafter, asked):
    return [piece async for piece in drafter.draft(asked)]


@every_drafter
async def test_a_draft_answers_with_sentences_that_say_what_they_rest_on(make):
    async with make(GOOD) as drafter:
        pieces = await drafted(drafter, request())
    sentences = [p.sentence for p in pieces if p.sentence is not None]
    supported = [s for s in sentences if s.support is Support.SUPPORTED]
    assert drafter.kind in DrafterKind
    assert supported
    assert "3 to 5 business days" in supported[0].text
    for sentence in supported:
        for citation in sentence.citations:
            assert LIBRARY[0].text[citation.start : citation.end] == citation.quote
    assert [s for s in sentences if s.support is Support.TEMPLATE]  # the courtesy
    assert not [problem for s in sentences for problem in contradictions(s, request().knowledge)]


@every_drafter
async def test_what_was_streamed_is_what_the_sentences_say(make):
    async with make(GOOD) as drafter:
        pieces = await drafted(drafter, request())
    streamed = "".join(p.text for p in pieces)
    assert streamed.strip() == joined([p.sentence.text for p in pieces if p.sentence is not None])


@every_drafter
async def test_internal_passages_are_never_quoted(make):
    async with make(LEAK) as drafter:
        asked = request(INTERNAL, text="What do express shipping complaints get?")
        pieces = await drafted(drafter, asked)
    sentences = enforce([p.sentence for p in pieces if p.sentence is not None], asked.knowledge)
    assert not [s for s in sentences if "voucher" in s.text and s.support is not Support.UNSUPPORTED]


@every_drafter
async def test_an_outdated_version_is_not_quoted(make):
    old = document("shipping-policy", LIBRARY[0].text, valid_to="2020-01-01")
    async with make(GOOD) as drafter:
        pieces = await drafted(drafter, request(old))
    assert not [p for p in pieces if p.sentence and p.sentence.support is Support.SUPPORTED]


@every_drafter
async def test_without_an_answer_nothing_is_claimed(make):
    async with make(GOOD) as drafter:
        pieces = await drafted(drafter, request(answerable=False))
    assert not [p for p in pieces if p.sentence and p.sentence.support is not Support.TEMPLATE]


@every_drafter
async def test_a_draft_may_be_given_up_at_any_time(make):
    async with make(GOOD) as drafter:
        stream = drafter.draft(request())
        await anext(stream)
        await stream.aclose()
        assert await drafted(drafter, request())  # and the drafter is as good as before
