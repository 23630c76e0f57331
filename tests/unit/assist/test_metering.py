"""What models are used for is put on the right account."""

import asyncio
import json

from tests.servers.openai_server import openai_server, say
from tests.unit.assist.world import world

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.fakes.usage_store import MemoryUsageStore
from copilot.adapters.openai_chat import OpenAiChat
from copilot.assist.drafting.llm import LlmDrafter
from copilot.assist.grounding import Grounder
from copilot.assist.metering import Metering, on_account_of
from copilot.domain.errors import DependencyUnavailable
from copilot.domain.usage import ModelPrice, ModelUsage, UsageTotals

PRICES = {"big": ModelPrice(prompt=2.0, cached=0.5, completion=8.0)}
USAGE = ModelUsage(model="big", prompt_tokens=100, cached_tokens=60, completion_tokens=10)


async def test_usage_is_priced_told_and_kept_for_the_conversation():
    heard: list[UsageTotals] = []
    metering = Metering(MemoryUsageStore(), PRICES)
    metering.listen(heard.append)
    with on_account_of("larkfield", "conv_1"):
        await asyncio.create_task(asyncio.to_thread(lambda: None))
        metering.note(USAGE)
    metering.note(USAGE)  # a policy drafted on the command line is no conversation's

    usage = await metering.of("larkfield", "conv_1")

    assert len(heard) == 2
    assert usage.cost_microdollars == 40 * 2 + 60 * 0.5 + 10 * 8
    assert [(m.model, m.requests, m.cached_tokens) for m in usage.models] == [("big", 1, 60)]


async def test_tasks_begun_for_a_conversation_are_on_its_account():
    metering = Metering(MemoryUsageStore())

    async def work() -> None:
        metering.note(USAGE)

    with on_account_of("larkfield", "conv_1"):
        task = asyncio.create_task(work())
    await task

    (model,) = (await metering.of("larkfield", "conv_1")).models
    assert (model.unpriced, model.cost_microdollars) == (1, 0)


async def test_a_store_that_fails_costs_the_count_and_nothing_else():
    class FullDisk(MemoryUsageStore):
        async def add(self, tenant_id: str, conversation_id: str, used: UsageTotals) -> None:
            raise DependencyUnavailable("The disk is full.")

    metering = Metering(FullDisk())
    with on_account_of("larkfield", "conv_1"):
        metering.note(USAGE)
    assert (await metering.of("larkfield", "conv_1")).models == ()


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
