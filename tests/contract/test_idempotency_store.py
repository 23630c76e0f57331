"""What every IdempotencyStore does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.idempotency_store import MemoryIdempotencyStore
from copilot.adapters.sql.idempotency_store import SqlIdempotencyStore
from copilot.domain.errors import Conflict, IdempotencyKeyReused

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "memory":
        yield MemoryIdempotencyStore()
        return
    database = await opened(request.param)
    yield SqlIdempotencyStore(database)


async def test_the_first_request_holds_the_key_and_the_second_gets_its_answer(store):
    assert await store.begin("larkfield", "k", "print", NOW) is None
    await store.finish("larkfield", "k", 202, b"{}")

    assert await store.begin("larkfield", "k", "print", NOW + timedelta(hours=1)) == (202, b"{}")


async def test_another_request_with_the_same_key_is_refused(store):
    await store.begin("larkfield", "k", "print", NOW)

    with pytest.raises(IdempotencyKeyReused):
        await store.begin("larkfield", "k", "another print", NOW)


async def test_a_second_request_while_the_first_runs_is_a_conflict(store):
    answers = await asyncio.gather(
        *(store.begin("larkfield", "k", "print", NOW) for _ in range(5)), return_exceptions=True
    )

    assert answers.count(None) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 4


async def test_a_request_that_failed_frees_its_key(store):
    await store.begin("larkfield", "k", "print", NOW)
    await store.abandon("larkfield", "k")

    assert await store.begin("larkfield", "k", "another print", NOW) is None


async def test_an_answer_is_not_abandoned(store):
    await store.begin("larkfield", "k", "print", NOW)
    await store.finish("larkfield", "k", 200, b"1")
    await store.abandon("larkfield", "k")

    assert await store.begin("larkfield", "k", "print", NOW) == (200, b"1")


async def test_a_key_whose_request_died_with_its_process_is_free_after_a_minute(store):
    await store.begin("larkfield", "k", "print", NOW)

    assert await store.begin("larkfield", "k", "print", NOW + timedelta(seconds=61)) is None


async def test_answers_are_forgotten_after_a_day(store):
    await store.begin("larkfield", "k", "print", NOW)
    await store.finish("larkfield", "k", 200, b"1")

    assert await store.begin("larkfield", "k", "print", NOW + timedelta(hours=25)) is None


async def test_tenants_do_not_share_keys(store):
    await store.begin("larkfield", "k", "print", NOW)

    assert await store.begin("other", "k", "another print", NOW) is None
