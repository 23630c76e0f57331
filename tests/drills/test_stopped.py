"""Servers that hang for half a minute and then go on, as if nothing had been: SIGSTOP, and SIGCONT."""

import asyncio

import pytest
from tests.drills.desk import approve, desk, status, until

pytestmark = pytest.mark.slow
LEFT_OVER_SECONDS = 30
"""How long an action may be under way before another server takes it over (`RecoverySchedule`)."""


async def test_a_server_stopped_in_a_refund_has_it_taken_over_and_does_not_do_it_again(
    tmp_path, postgres, redis
):
    redis.empty()
    shared = {"database_url": postgres.database(), "redis_url": redis.url}
    async with desk(tmp_path, shop_seconds=0.8, **shared) as d:
        worker = await d.serve(tmp_path / "one")
        api = await d.serve(tmp_path / "other", background_work=False)
        client, watcher = await d.client(api), await d.client(worker)
        action = await d.proposed(client)
        approving = asyncio.create_task(approve(client, action))
        await until(lambda: d.asked(action) == 1, 20)
        api.pause()
        assert await status(watcher, action) == "executing"

        async def is_done():
            return await status(watcher, action) == "succeeded"

        await until(is_done, LEFT_OVER_SECONDS + 60)
        assert (d.made(action), d.asked(action)) == (1, 1)

        api.resume()
        answer = await approving
        assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
        await api.until(ready=True, seconds=10)
        assert (d.made(action), d.asked(action)) == (1, 1)
        assert await d.ledger_holds()


async def test_a_worker_that_was_replaced_while_it_hung_does_nothing_twice(tmp_path, postgres, redis):
    """Its platform starts another worker; then both believe that they are the one."""
    redis.empty()
    shared = {"database_url": postgres.database(), "redis_url": redis.url}
    async with desk(tmp_path, shop_seconds=0.5, **shared) as d:
        worker = await d.serve(tmp_path / "one")
        api = await d.serve(tmp_path / "other", background_work=False)
        client = await d.client(api)
        actions = [await d.proposed(client, order) for order in (1, 2, 3)]
        approving = [asyncio.create_task(approve(client, action)) for action in actions]
        await until(lambda: any(d.asked(action) for action in actions), 20)
        await api.kill()
        await asyncio.gather(*approving, return_exceptions=True)
        worker.pause()
        admin = await d.client(await d.serve(tmp_path / "new"), "admin")
        file = ("tents.md", b"# Zephyr tents\n\nA Zephyr tent weighs 1,234 grams.", "text/markdown")
        job = (await admin.post("/v1/knowledge/jobs/uploads", files={"files": file})).json()
        worker.resume()

        async def is_settled(action):
            return await status(admin, action) in {"succeeded", "proposed"}

        async def has_ended():
            found = await admin.get(f"/v1/knowledge/jobs/{job['id']}")
            return found.json()["status"] not in {"queued", "running"}

        await until(has_ended, 60)
        for action in actions:
            await until(lambda action=action: is_settled(action), LEFT_OVER_SECONDS + 60)
        await asyncio.sleep(6)  # a round of each driver: whoever would do it again has had the time
        ends = [await status(admin, action) for action in actions]
        assert set(ends) <= {"succeeded", "proposed"}
        for action, end in zip(actions, ends, strict=True):
            assert d.made(action) == (end == "succeeded")
        ended = (await admin.get(f"/v1/knowledge/jobs/{job['id']}")).json()
        assert (ended["status"], ended["report"]["added"]) == ("succeeded", ["tents v1"])
        assert await d.ledger_holds()
