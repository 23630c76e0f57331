"""A dependency goes and comes back: what is refused says why, no money moves, and all goes on by itself."""

import asyncio
import json

import pytest
from tests.drills.desk import approve, desk, status, until
from tests.servers.chroma import chroma_server
from tests.servers.postgres import running
from tests.servers.small_disk import small_disk

pytestmark = pytest.mark.slow
READY_SECONDS = 5
TENTS = {"title": "Zephyr tents", "text": "# Zephyr tents\n\nA Zephyr tent weighs 1,234 grams."}


async def shown(client, conversation, begun, kind="revision.done"):
    """The events of the newest turn, up to its end; `begun` is set at the first."""
    seen = []
    async with (
        asyncio.timeout(60),
        client.stream("GET", f"/v1/conversations/{conversation}/events") as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:")))
                begun.set()
                if seen[-1]["type"] == kind:
                    return seen
    raise AssertionError(f"the stream ended after {[event['type'] for event in seen]}")


async def said(client, conversation, text):
    """What a panel is shown for a message of the customer's."""
    begun = asyncio.Event()
    watching = asyncio.create_task(shown(client, conversation, begun))
    await asyncio.wait_for(begun.wait(), 60)
    answer = await client.post(
        f"/v1/conversations/{conversation}/turns", json={"speaker": "customer", "text": text}
    )
    assert answer.status_code == 202, answer.text
    return await watching


async def test_postgresql_gone_for_a_while(tmp_path, redis):
    redis.empty()
    with running() as postgres:
        async with desk(tmp_path, database_url=postgres.database(), redis_url=redis.url) as d:
            server = await d.serve(tmp_path / "one")
            client, manager = await d.client(server), await d.client(server, "knowledge_manager")
            action = await d.proposed(client)
            postgres.kill()
            said_of_it = await server.until(ready=False, seconds=READY_SECONDS)
            assert "The database did not answer" in said_of_it["checks"]["database"]["problem"]
            refused = await approve(client, action)
            assert (refused.status_code, refused.json()["code"]) == (503, "dependency_unavailable")
            assert d.asked(action) == 0
            await asyncio.sleep(6)  # the jobs' worker and the driver have looked in vain meanwhile

            postgres.start()
            await server.until(ready=True, seconds=READY_SECONDS)
            assert await status(client, action) == "proposed"
            assert (await approve(client, action)).json()["status"] == "succeeded"
            assert d.made(action) == 1
            file = ("tents.md", TENTS["text"].encode(), "text/markdown")
            job = (await manager.post("/v1/knowledge/jobs/uploads", files={"files": file})).json()

            async def is_taken_in():
                found = await manager.get(f"/v1/knowledge/jobs/{job['id']}")
                return found.json()["status"] == "succeeded"

            await until(is_taken_in, 30)
            assert await d.ledger_holds()


async def test_a_chroma_server_gone_for_a_while(tmp_path):
    (tmp_path / "chroma").mkdir()
    with chroma_server(tmp_path / "chroma") as chroma:
        async with desk(tmp_path, index_url=chroma.url) as d:
            server = await d.serve(tmp_path / "one")
            client, manager = await d.client(server), await d.client(server, "knowledge_manager")
            action, talk = await d.proposed(client), await d.conversation(client, order=2)
            chroma.kill()
            said_of_it = await server.until(ready=False, seconds=READY_SECONDS)
            assert "the Chroma server failed" in said_of_it["checks"]["index"]["problem"]

            events = await said(client, talk, "How long does a refund take to reach my card?")
            amiss = {e["data"]["component"]: e["data"]["message"] for e in events if e["type"] == "degraded"}
            assert "the Chroma server failed" in amiss["knowledge"]
            refused = await manager.put("/v1/knowledge/documents/tents", json=TENTS)
            assert (refused.status_code, refused.json()["code"]) == (503, "dependency_unavailable")
            # Refunds need no index.
            assert (await approve(client, action)).json()["status"] == "succeeded"

            chroma.start()
            await server.until(ready=True, seconds=READY_SECONDS)

            async def is_found_by_meaning():
                query = {"query": "What does a Zephyr tent weigh?"}
                found = (await manager.post("/v1/knowledge/search", json=query)).json()["passages"]
                best = [p["rank_dense"] for p in found if p["document"]["external_id"] == "tents"]
                return best[:1] == [1]

            await until(is_found_by_meaning, 20)
            events = await said(client, talk, "And how long do I have to send something back?")
            assert "degraded" not in [event["type"] for event in events]
            assert "knowledge" in [event["type"] for event in events]


async def test_the_disk_is_full_for_a_while(tmp_path):
    """SQLite, whose files may not grow: what a full disk does to them, and no longer."""
    async with desk(tmp_path) as d:
        server = await d.serve(tmp_path / "one")
        client = await d.client(server)
        action, talk = await d.proposed(client), await d.conversation(client, order=2)
        server.let_files_grow(to=4096)

        async def is_refused():
            turn = {"speaker": "customer", "text": "Is anybody there? " * 50}
            answer = await client.post(f"/v1/conversations/{talk}/turns", json=turn)
            if answer.is_success:
                return False
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] == "dependency_unavailable"
            assert "disk" in answer.json()["detail"]
            return True

        await until(is_refused, 20)
        refused = await approve(client, action)
        assert (refused.status_code, refused.json()["code"]) == (503, "dependency_unavailable")
        assert d.asked(action) == 0
        assert (await client.get(f"/v1/conversations/{talk}")).is_success
        told = await server.until(ready=False, seconds=READY_SECONDS)
        assert "disk" in told["checks"]["database"]["problem"]

        server.let_files_grow()
        await server.until(ready=True, seconds=READY_SECONDS)
        assert (await approve(client, action)).json()["status"] == "succeeded"
        assert (d.made(action), await d.ledger_holds()) == (1, True)
        events = await said(client, talk, "How long does a refund take?")
        assert "degraded" not in [event["type"] for event in events]


async def test_the_disk_of_postgresql_is_full_for_a_while(tmp_path, redis):
    redis.empty()
    with small_disk(megabytes=300) as disk, running("16MB", disk.folder) as postgres:
        async with desk(tmp_path, database_url=postgres.database(), redis_url=redis.url) as d:
            server = await d.serve(tmp_path / "one")
            client = await d.client(server)
            action, talk = await d.proposed(client), await d.conversation(client, order=2)
            disk.fill()

            async def is_refused():
                turn = {"speaker": "customer", "text": "Is anybody there? " * 200}
                answer = await client.post(f"/v1/conversations/{talk}/turns", json=turn)
                if answer.is_success:  # into what its files have left
                    return False
                assert answer.status_code == 503, answer.text
                assert answer.json()["detail"] == "The database's disk is full."
                return True

            await until(is_refused, 60)
            refused = await approve(client, action)
            assert (refused.status_code, refused.json()["code"]) == (503, "dependency_unavailable")
            assert d.asked(action) == 0
            assert (await client.get(f"/v1/conversations/{talk}")).is_success

            disk.free()

            async def is_refunded():
                found = await status(client, action)
                if found == "proposed":  # nothing of the approval could be written
                    await approve(client, action)
                return found == "succeeded"

            await until(is_refunded, 60)
            assert (d.made(action), await d.ledger_holds()) == (1, True)
            events = await said(client, talk, "How long does a refund take?")
            assert "degraded" not in [event["type"] for event in events]
