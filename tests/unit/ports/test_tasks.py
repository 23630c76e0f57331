import asyncio

from copilot.ports.tasks import ended


async def test_a_task_that_takes_being_cancelled_for_a_failure_is_told_again():
    tries = 0

    async def tries_again() -> None:
        nonlocal tries
        while True:
            tries += 1
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:  # as a driver whose server dies in this moment
                if tries > 1:
                    raise

    task = asyncio.create_task(tries_again())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await ended(task, patience=0.01)
    assert (task.cancelled(), tries) == (True, 2)


async def test_what_puts_things_in_order_first_is_waited_for():
    done = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            done.append("in order")

    task = asyncio.create_task(tidy())
    await asyncio.sleep(0)
    await ended(task)
    assert done == ["in order"]


async def test_nothing_to_end_and_what_has_ended_are_no_wait():
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    await ended()
    await ended(task)
