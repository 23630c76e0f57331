"""A turn and a refund in traces, logs and metrics of the whole product, and nobody's data in any of them."""

import json
import re
from pathlib import Path

import httpx
import pytest
from tests.servers.demo import demo_server
from tests.servers.openai_server import openai_server, say
from tests.servers.otlp import collector

from copilot.evaluation.live_client import EventFeed, LiveClient
from copilot.ports import trace_names as names

ROOT = Path(__file__).parents[2]
CARD, EMAIL, NAME = "4111 1111 1111 1111", "mia.planted@example.com", "Xanthippe Quillfeather"
SAID = (
    f"Hi, I'm {NAME}, {EMAIL}, card {CARD}. The lantern from order LF-10873 arrived damaged, "
    "what is your returns policy for damaged items? I want my money back."
)
ANSWER = json.dumps({"evidence": [], "reply": f"Dear {NAME}, we are sorry."})
PLANTED = (
    CARD,
    CARD.replace(" ", ""),
    EMAIL,
    NAME,
    "Xanthippe",
    "lantern from order",
    "Lindqvist",
    "maya.",
)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
pytestmark = pytest.mark.slow


async def until(feed, kind):
    """The data of every event up to the first of this kind."""
    seen = {}
    while kind not in seen:
        event = await feed.next(30)
        seen[event.type] = event.data
    return seen


async def refund(client):
    """The lantern of the demo, paid back; what the panel was shown."""
    opened = await client.post("/v1/conversations", {"channel": "chat"})
    feed, path = EventFeed(client, opened["id"]), f"/v1/conversations/{opened['id']}"
    broken = "My Northlight Lantern from order LF-1004829 arrived cracked. A refund please."
    await client.post(f"{path}/turns", {"speaker": "customer", "text": broken})
    await until(feed, "revision.done")
    await client.post(f"{path}/customer", {"email": "maya.lindqvist@example.com", "order_id": "LF-1004829"})
    proposed = (await until(feed, "action.updated"))["action.updated"]
    await client.post(f"/v1/actions/{proposed['id']}/approve", {"digest": proposed["digest"]})
    await feed.close()
    return proposed


async def test_a_turn_and_its_refund_are_one_story_in_traces_and_logs_and_tell_nobodys_data(tmp_path):
    log = tmp_path / "server.log"
    with collector() as kept:
        async with openai_server(say(ANSWER)) as model:
            system = {"trace_url": kept.url, "llm_base_url": model.url, "llm_model": "big"}
            async with (
                demo_server(tmp_path / "data", system, log=log) as server,
                LiveClient.connect(server.address, server.representative) as client,
            ):
                opened = await client.post("/v1/conversations", {"channel": "chat"})
                feed = EventFeed(client, opened["id"])
                path = f"/v1/conversations/{opened['id']}"
                headers = {
                    "Authorization": f"Bearer {server.representative}",
                    "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
                }
                async with httpx.AsyncClient(base_url=server.address, headers=headers) as caller:
                    said = {"speaker": "customer", "text": SAID}
                    (await caller.post(f"{path}/turns", json=said)).raise_for_status()
                    seen = await until(feed, "revision.done")
                    proposed = await refund(client)
                    metrics = (await caller.get("/metrics")).text
                await feed.close()
        turns = [span for span in kept.named(names.TURN) if span.trace_id == TRACE]

    (turn,) = turns
    (request,) = [s for s in kept.spans if s.span_id == turn.parent_id]
    assert request.name == "POST /v1/conversations/{conversation_id}/turns"
    assert request.parent_id == "00f067aa0ba902b7"
    assert request.attributes[names.HTTP_STATUS] == 202
    assert turn.attributes[names.CONVERSATION] == opened["id"]
    assert {names.UNDERSTAND, names.RETRIEVAL, names.NEXT_ACTION, names.DRAFT} <= kept.below(turn)
    retrieval = next(s for s in kept.descendants(turn) if s.name == names.RETRIEVAL)
    stages = {names.EMBED, names.KEYWORD, names.DENSE, names.LOOK_UP, names.FUSE, names.RERANK}
    assert stages <= kept.below(retrieval)
    chats = [s for s in kept.descendants(turn) if s.name == names.chat("big")]
    assert chats, seen
    assert chats[0].attributes[names.INPUT_TOKENS] == 40
    assert chats[0].attributes[names.OUTPUT_TOKENS] == 10
    assert names.INPUT_MESSAGES not in chats[0].attributes
    draft = next(s for s in kept.spans if s.span_id == chats[0].parent_id)
    assert draft.name == names.DRAFT
    (approval,) = kept.named(names.APPROVAL)
    assert approval.attributes[names.ACTION] == proposed["id"]
    (paid,) = kept.named(names.execute_tool("refund_order"))
    assert paid in kept.descendants(approval)
    assert (paid.attributes[names.EFFECT], paid.attributes[names.TOOL_OUTCOME]) == ("money", "succeeded")
    assert {"get_user_details", "get_order_details"} <= {
        s.attributes.get(names.TOOL_NAME) for s in kept.spans
    }
    assert all(span.start <= span.end for span in kept.spans)
    assert all(span.trace_id == TRACE for span in kept.descendants(request))

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (access,) = [line for line in lines if line.get("trace_id") == TRACE and line["message"] == "request"]
    assert access["status"] == 202
    for counted in (
        'copilot_approvals_total{decision="approved"} 1.0',
        'copilot_tool_calls_total{outcome="succeeded",tool="refund_order"} 1.0',
        'copilot_llm_tokens_total{kind="completion",model="big"}',
        'copilot_stage_seconds_count{stage="retrieval"}',
        'copilot_turns_total{outcome="done"}',
        "copilot_approval_wait_seconds_count 1.0",
        'copilot_dependency_up{dependency="llm",required="no"} 1.0',
    ):
        assert counted in metrics, counted
    # The proof of identity is answered too, unless the approval comes first.
    (drafted,) = re.findall(r"copilot_first_suggestion_seconds_count (\d)", metrics)
    assert drafted in {"2", "3"}
    told = [*kept.bodies, log.read_bytes(), metrics.encode()]
    assert not [value for value in PLANTED for text in told if value.encode() in text]
