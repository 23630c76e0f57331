"""Two servers on one PostgreSQL and one Redis: what one is told, the other shows."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from tests.servers.console import token_in
from tests.servers.product import Server, settings
from tests.servers.redis import running_redis

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 60


@asynccontextmanager
async def servers(tmp_path, postgres, redis, **more):
    """The first does the background's work; both read one secret, as replicas do."""
    database = postgres.database()
    shared = {"database_url": database, "redis_url": redis.url, "knowledge_dir": ROOT / "knowledge", **more}
    both = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        if both:
            (folder / "secret").write_bytes((tmp_path / "one" / "secret").read_bytes())
            (folder / "secret").chmod(0o600)
        both.append(Server(settings(data_dir=folder, background_work=not both, **shared)))
        await both[-1].start()
    key = await both[0].key()
    headers = {"Authorization": f"Bearer {key}"}
    clients = [httpx.AsyncClient(base_url=s.address, headers=headers, timeout=PATIENCE_SECONDS) for s in both]
    try:
        yield both, clients
    finally:
        for client in clients:
            await client.aclose()
        for server in both:
            await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory, postgres, redis):
    """Two servers for all tests that leave them as they were, and a key's headers."""
    redis.empty()
    async with servers(tmp_path_factory.mktemp("two"), postgres, redis) as (both, (one, _)):
        yield both, one.headers


@pytest_asyncio.fixture(loop_scope="module")
async def two(pair):
    """Each test has a conversation of its own on them."""
    both, headers = pair
    clients = [httpx.AsyncClient(base_url=s.address, headers=headers, timeout=PATIENCE_SECONDS) for s in both]
    yield clients
    for client in clients:
        await client.aclose()


together = pytest.mark.asyncio(loop_scope="module")


async def watch(client, conversation, until, after=None, begun=None):
    """The events of a conversation, up to the first for which `until` holds; `begun` is set at the first."""
    headers = {"Last-Event-ID": str(after)} if after is not None else {}
    seen = []
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        client.stream("GET", f"/v1/conversations/{conversation}/events", headers=headers) as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:")))
                if begun:
                    begun.set()
                if until(seen[-1]):
                    return seen
    raise AssertionError(f"the stream ended after {[e['type'] for e in seen]}")


def is_done(revision):
    return lambda event: event["type"] == "revision.done" and event["revision"] >= revision


async def say(client, conversation, number, text="How long does standard shipping take?"):
    said = await client.post(
        f"/v1/conversations/{conversation}/turns",
        json={"speaker": "customer", "text": text},
        headers={"Idempotency-Key": f"{conversation}-{number}"},
    )
    assert said.status_code == 202, said.text
    return said.json()


async def told(teller, watcher, conversation, number):
    """The events that `watcher` gets while `teller` is told the turn of that number, up to its end."""
    begun = asyncio.Event()
    watching = asyncio.create_task(watch(watcher, conversation, is_done(number), begun=begun))
    await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)
    await say(teller, conversation, number)
    return await watching


async def opened(client):
    return (await client.post("/v1/conversations", json={"channel": "chat"})).json()["id"]


@together
async def test_a_conversation_is_posted_to_one_and_watched_on_the_other(two):
    one, other = two
    conversation = await opened(one)
    events = await told(one, other, conversation, 1)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "snapshot"
    assert {"turn", "knowledge", "revision.done"} <= set(kinds)
    ids = [event["id"] for event in events[1:]]
    assert ids == list(range(ids[0], ids[0] + len(ids)))

    # A panel that saw the turn goes on at the other server, and at the first, with the same events.
    turn = next(event for event in events if event["type"] == "turn")
    for client in (one, other):
        assert await watch(client, conversation, is_done(1), turn["id"]) == events[kinds.index("turn") + 1 :]

    # The same message sent again to the other server is no second turn.
    await say(other, conversation, 1)
    assert len((await one.get(f"/v1/conversations/{conversation}")).json()["turns"]) == 1


@together
async def test_servers_take_turns_of_one_conversation_in_one_order(two):
    one, other = two
    conversation = await opened(one)
    begun = [asyncio.Event(), asyncio.Event()]
    watching = [
        asyncio.create_task(watch(client, conversation, is_done(8), begun=event))
        for client, event in zip((one, other), begun, strict=True)
    ]
    for event in begun:
        await asyncio.wait_for(event.wait(), PATIENCE_SECONDS)
    for number in range(8):
        await say((one, other)[number % 2], conversation, number, f"Question {number}: shipping?")
    seen = [[(e["id"], e["type"]) for e in events[1:]] for events in await asyncio.gather(*watching)]

    assert seen[0] == seen[1]
    assert [number for number, _ in seen[0]] == sorted({number for number, _ in seen[0]})
    assert [kind for _, kind in seen[0]].count("turn") == 8


@together
async def test_a_document_uploaded_to_one_is_ingested_by_the_other_and_found_by_both(two):
    one, other = two
    page = ("tents.md", b"# Zephyr tents\n\nA Zephyr tent weighs 1,234 grams.", "text/markdown")
    made = await other.post("/v1/knowledge/jobs/uploads", files={"files": page})
    assert made.status_code == 202, made.text
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with other.stream("GET", f"/v1/knowledge/jobs/{made.json()['id']}/events") as stream:
            told_of = [line async for line in stream.aiter_lines() if line.startswith("event:")]
    assert told_of[-1] == "event: job.done"
    for client in (one, other):
        found = await client.post("/v1/knowledge/search", json={"query": "What does a Zephyr tent weigh?"})
        assert "1,234 grams" in found.text


async def test_without_redis_turns_go_on_and_panels_say_that_something_is_amiss(tmp_path, postgres):
    with running_redis() as redis:
        async with servers(tmp_path, postgres, redis) as ((first, _), (one, other)):
            conversation = await opened(one)
            await told(one, other, conversation, 1)
            redis.kill()
            said = await first.until(ready=False, seconds=5)
            assert "Redis did not answer" in said["checks"]["redis"]["problem"]

            events = await told(one, one, conversation, 2)
            amiss = [e["data"]["message"] for e in events if e["type"] == "degraded"]
            assert amiss == ["Other servers are not told of what happens here until Redis is back."]
            assert len((await other.get(f"/v1/conversations/{conversation}")).json()["turns"]) == 2

            redis.start()
            await first.until(ready=True, seconds=5)
            await asyncio.sleep(1.5)
            events = await told(one, other, conversation, 3)
            assert [t["text"] for t in events[0]["data"]["conversation"]["turns"]]
            assert [e["type"] for e in events].count("turn") == 1


async def test_a_key_that_asks_too_often_is_refused_by_both(tmp_path, postgres, redis):
    redis.empty()
    async with servers(tmp_path, postgres, redis, requests_per_minute=60) as (_, (one, other)):
        answers, refused, began = [], [], time.monotonic()
        while len(refused) < 3:
            answers.append(await (one, other)[len(answers) % 2].get("/v1/conversations"))
            refused = [a for a in answers if a.status_code == 429]
            assert len(answers) < 60
        seconds = time.monotonic() - began

    assert [a.status_code for a in answers[:8]] == [200] * 8
    assert len(answers) - len(refused) <= 10 + seconds + 1, "ten at once and one a second, of both together"
    assert refused[0].json()["code"] == "too_many_requests"
    assert int(refused[0].headers["Retry-After"]) >= 1


@together
async def test_who_signs_in_to_the_console_of_one_is_signed_in_to_both(pair):
    (first, second), headers = pair
    async with (
        httpx.AsyncClient(base_url=first.address, timeout=PATIENCE_SECONDS) as one,
        httpx.AsyncClient(base_url=second.address, timeout=PATIENCE_SECONDS) as other,
    ):
        key = headers["Authorization"].removeprefix("Bearer ")
        form = await one.get("/console/sign-in")
        signed_in = await one.post("/console/sign-in", data={"key": key, "csrf": token_in(form.text)})
        assert signed_in.status_code == 303
        other.cookies.set("copilot_session", signed_in.cookies["copilot_session"])
        await first.kill()

        page = await other.get("/console/documents")
        assert page.status_code == 200
        assert (await other.post("/console/sign-out", data={"csrf": token_in(page.text)})).status_code == 303
        await first.start()
        one.cookies.set("copilot_session", signed_in.cookies["copilot_session"])
        gone = await one.get("/console/documents")
        assert gone.headers["location"].startswith("/console/sign-in")
