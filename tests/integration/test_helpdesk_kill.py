"""The whole product killed while it takes in webhooks and writes notes: nothing is lost, nothing doubled."""

import asyncio
import os
import sys
import time
from pathlib import Path

import httpx
import pytest
from tests.servers import helpdesks as vendors
from tests.servers.demo import demo_data
from tests.servers.product import Server

ROOT = Path(__file__).parents[2]
CONVERSATIONS = range(600, 606)
ASKED = "How long does standard shipping take?"
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("after", [0.05, 0.45, 0.8])
async def test_killed_at_any_moment_each_message_is_one_turn_and_one_note(tmp_path, after):
    described = tmp_path / "integrations"
    described.mkdir()
    data = tmp_path / "data"
    await asyncio.to_thread(demo_data, data)
    with vendors.chatwoot_server(hang_seconds=0.3) as chatwoot:
        (described / "chatwoot.yaml").write_text(
            f"kind: chatwoot\nurl: {chatwoot.url}\naccount: 1\n"
            "webhook_secret_env: COPILOT_CW_HOOK\nsecret_env: COPILOT_CW_KEY\n"
        )
        server = Server(
            {
                **os.environ,
                "COPILOT_DATA_DIR": str(data),
                "COPILOT_KNOWLEDGE_DIR": str(ROOT / "knowledge"),
                "COPILOT_INTEGRATIONS_DIR": str(described),
                "COPILOT_CW_HOOK": vendors.CHATWOOT_SECRET,
                "COPILOT_CW_KEY": vendors.CHATWOOT_TOKEN,
                "COPILOT_INTERRUPTION_COST": "0",
                "PYTHONPATH": os.pathsep.join(sys.path),
            }
        )
        await server.start()
        chatwoot.faults.add(*["hang_after"] * 3)  # so that notes are on their way when it dies
        async with httpx.AsyncClient(base_url=server.address) as client:
            for conversation in CONVERSATIONS:
                payload = vendors.chatwoot_message(9000 + conversation, ASKED, conversation=conversation)
                headers, body = vendors.chatwoot_signed(payload)
                answer = await client.post("/v1/integrations/chatwoot/webhook", headers=headers, content=body)
                assert answer.status_code == 202
        await asyncio.sleep(after)
        await server.kill()
        await server.start()
        deadline = time.monotonic() + 120
        while any(not chatwoot.notes(conversation) for conversation in CONVERSATIONS):
            assert time.monotonic() < deadline, {c: len(chatwoot.notes(c)) for c in CONVERSATIONS}
            await asyncio.sleep(0.2)
        await asyncio.sleep(3)  # whoever would write a second one has had the time
        assert {c: len(chatwoot.notes(c)) for c in CONVERSATIONS} == dict.fromkeys(CONVERSATIONS, 1)
        async with httpx.AsyncClient(base_url=server.address) as client:
            # What was taken in before the kill is known after it.
            payload = vendors.chatwoot_message(9600, ASKED, conversation=600)
            headers, body = vendors.chatwoot_signed(payload)
            again = await client.post("/v1/integrations/chatwoot/webhook", headers=headers, content=body)
            assert again.json() == {"new": False}
        await server.kill()
