"""What every store of verification attempts does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.verification_attempts import MemoryVerificationAttempts
from copilot.adapters.sql.verification_attempts import SqlVerificationAttempts
from copilot.domain.verification import VerificationAttempt, Watched

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["fake", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "fake":
        yield MemoryVerificationAttempts()
        return
    database = await opened(request.param)
    yield SqlVerificationAttempts(database)


def attempt(number, *watched, tenant="larkfield", conversation="conv_1", at=NOW):
    return VerificationAttempt(
        id=f"ver_{number}", tenant_id=tenant, conversation_id=conversation, at=at, watched=watched
    )


TWICE = Watched(subject="claim:maya", most=2)


async def test_so_many_failures_and_no_more(store):
    assert [await store.begin(attempt(n, TWICE)) for n in range(4)] == [
        None,
        None,
        "claim:maya",
        "claim:maya",
    ]


async def test_what_succeeds_does_not_count(store):
    for number in range(5):
        assert await store.begin(attempt(number, TWICE)) is None
        await store.forgive("larkfield", f"ver_{number}")


async def test_old_failures_count_only_where_there_is_no_window(store):
    for number in range(2):
        await store.begin(attempt(number, TWICE))
    recent = TWICE.model_copy(update={"since": NOW})
    assert await store.begin(attempt(2, recent, at=NOW + timedelta(days=1))) is None
    assert await store.begin(attempt(3, TWICE, at=NOW + timedelta(days=2))) == "claim:maya"


async def test_anything_watched_locks_and_what_is_refused_counts_for_nothing(store):
    other = Watched(subject="claim:tom", most=1)
    await store.begin(attempt(0, TWICE, other))
    assert await store.begin(attempt(1, TWICE, other)) == "claim:tom"
    assert await store.begin(attempt(2, TWICE)) is None  # the second one only: attempt 1 did not count


async def test_tenants_do_not_lock_each_other(store):
    for number in range(2):
        await store.begin(attempt(number, TWICE))
    assert await store.begin(attempt(2, TWICE, tenant="acme")) is None
    await store.clear("acme", ["claim:maya"])
    await store.forgive("acme", "ver_0")
    assert await store.begin(attempt(3, TWICE)) == "claim:maya"


async def test_what_failed_is_known_by_conversation(store):
    await store.begin(attempt(0, Watched(subject="all:x")))
    assert await store.has_failed("larkfield", "conv_1", "all:x")
    assert not await store.has_failed("larkfield", "conv_2", "all:x")
    assert not await store.has_failed("acme", "conv_1", "all:x")
    await store.forgive("larkfield", "ver_0")
    assert not await store.has_failed("larkfield", "conv_1", "all:x")


async def test_clearing_forgets_a_subject_everywhere(store):
    for number in range(2):
        await store.begin(attempt(number, TWICE, conversation="conv_2"))
    assert await store.begin(attempt(2, TWICE)) == "claim:maya"
    assert await store.subjects("larkfield", "conv_1") == {"claim:maya"}
    await store.clear("larkfield", await store.subjects("larkfield", "conv_1"))
    assert await store.begin(attempt(3, TWICE)) is None


async def test_many_at_once_are_no_more_than_allowed(store):
    ends = await asyncio.gather(*(store.begin(attempt(n, TWICE)) for n in range(16)))
    assert ends.count(None) == 2
