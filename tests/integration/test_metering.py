"""What a model says over the wire that it has used is put on the right account."""

import json

from tests.servers.openai_server import openai_server, say
from tests.unit.assist.world import world

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.fakes.usage_store import MemoryUsageStore
from copilot.adapters.openai_chat import OpenAiChat
from copilot.assist.drafting.llm import LlmDrafter
from copilot.assist.grounding import Grounder
from copilot.assist.metering import Metering


async def test_a_draft_is_on_the_account_of_the_conversation_it_was_written_for():
    metering = Metering(MemoryUsageStore())
    reply = say(json.dumps({"evidence": [], "reply": ""}), usage=120, cached=90)
    async with openai_server(reply) as server:
        model = OpenAiChat(model="big", base_url=server.url, on_usage=metering.note)
        w = await world(llm=LlmDrafter(model, Grounder(HashingEmbedder()), FakeTokenCounter()))
        await w.customer("how long does standard shipping take?")
        await model.close()

    (used,) = (await metering.of("larkfield", w.conversation.id)).models
    assert (used.prompt_tokens, used.cached_tokens, used.completion_tokens) == (110, 90, 10)
    assert server.requests[0]["stream_options"] == {"include_usage": True}
