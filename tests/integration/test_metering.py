"""What a model says over the wire that it has used is put on the right account."""

import json
import shutil
from pathlib import Path

import httpx
import pytest
from tests.servers.openai_server import openai_server, say
from tests.unit.assist.world import world

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.fakes.usage_store import MemoryUsageStore
from copilot.adapters.openai_chat import OpenAiChat
from copilot.assist.drafting.llm import LlmDrafter
from copilot.assist.grounding import Grounder
from copilot.assist.metering import Metering
from copilot.evaluation.local_server import local_server

ROOT = Path(__file__).parents[2]


async def test_a_draft_is_on_the_account_of_the_conversation_it_was_written_for():
    metering = Metering(MemoryUsageStore())
    reply = say(json.dumps({"evidence": [], "reply": ""}), usage=120, cached=90)
    async with openai_server(reply) as server:
        model = OpenAiChat(model="big", base_url=server.url, on_usage=metering.note)
        await model.load()  # a second and more, which no draft waits for
        w = await world(llm=LlmDrafter(model, Grounder(HashingEmbedder()), FakeTokenCounter()))
        await w.customer("how long does standard shipping take?")
        await model.close()

    (used,) = (await metering.of("larkfield", w.conversation.id)).models
    assert (used.prompt_tokens, used.cached_tokens, used.completion_tokens) == (110, 90, 10)
    assert server.requests[0]["stream_options"] == {"include_usage": True}


@pytest.mark.slow
async def test_a_question_that_is_rewritten_for_a_search_counts_as_the_drafts_do(tmp_path):
    question = {
        "query": "And how much is that by express?",
        "history": ["How long does standard shipping take?"],
    }
    shutil.copytree(ROOT / "knowledge" / "shop", tmp_path / "kb" / "shop")
    (tmp_path / "kb" / "shipping.md").write_text("# Shipping\n\nExpress shipping costs 12 dollars.\n")
    async with openai_server(say("How much is express shipping?", usage=120, cached=90)) as model:
        system = {
            "llm_base_url": model.url,
            "llm_model": "big",
            "llm_prices": {"big": {"prompt": 2, "completion": 6}},
        }
        async with local_server(tmp_path / "data", tmp_path / "kb", system) as server:
            headers = {"Authorization": f"Bearer {server.representative}"}
            async with httpx.AsyncClient(base_url=server.address, headers=headers) as caller:
                (await caller.post("/v1/knowledge/search", json=question)).raise_for_status()
                metrics = (await caller.get("/metrics")).text.splitlines()

    assert len(model.requests) == 1
    for counted in (
        'copilot_llm_requests_total{metered="yes",model="big"} 1.0',
        'copilot_llm_tokens_total{kind="prompt",model="big"} 20.0',
        'copilot_llm_tokens_total{kind="prompt_cached",model="big"} 90.0',
        'copilot_llm_tokens_total{kind="completion",model="big"} 10.0',
        'copilot_llm_cost_dollars_total{model="big"} 0.00028',
    ):
        assert counted in metrics, counted
