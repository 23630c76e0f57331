"""PostgreSQL killed under a server: it says so, takes nothing it cannot keep, and goes on by itself after."""

from pathlib import Path

import httpx
import pytest
from tests.servers.postgres import running
from tests.servers.product import Server, settings

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


async def test_while_postgresql_is_gone_nothing_is_taken_and_afterwards_nothing_is_missing(tmp_path):
    with running() as postgres:
        server = Server(
            settings(database_url=postgres.database(), data_dir=tmp_path, knowledge_dir=ROOT / "knowledge")
        )
        await server.start()
        headers = {"Authorization": f"Bearer {await server.key()}"}
        async with httpx.AsyncClient(base_url=server.address, headers=headers, timeout=20) as client:
            made = await client.post("/v1/conversations", json={"channel": "chat"})
            turns = f"/v1/conversations/{made.json()['id']}/turns"

            async def say(number: int) -> httpx.Response:
                turn = {"speaker": "customer", "text": f"Message {number}"}
                return await client.post(turns, json=turn, headers={"Idempotency-Key": f"message-{number}"})

            assert (await say(1)).status_code == 202
            postgres.kill()
            said = await server.until(ready=False, seconds=5)
            assert "The database did not answer" in said["checks"]["database"]["problem"]
            refused = await say(2)
            assert refused.status_code == 503, refused.text
            assert refused.json()["code"] == "dependency_unavailable"

            postgres.start()
            await server.until(ready=True, seconds=5)
            assert (await say(2)).status_code == 202
            assert (await say(2)).status_code == 202
            kept = (await client.get(turns.removesuffix("/turns"))).json()
        await server.stop()
    assert [turn["text"] for turn in kept["turns"]] == ["Message 1", "Message 2"]
