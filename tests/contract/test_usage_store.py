"""What every UsageStore does."""

import pytest

from copilot.adapters.fakes.usage_store import MemoryUsageStore
from copilot.adapters.sql.usage_store import SqlUsageStore
from copilot.domain.usage import ModelPrice, ModelUsage, UsageTotals

PRICE = ModelPrice(prompt=2.5, cached=1.25, completion=10)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "memory":
        yield MemoryUsageStore()
        return
    database = await opened(request.param)
    yield SqlUsageStore(database)


def used(model="big", prompt=1_000, cached=400, completion=100):
    usage = ModelUsage(model=model, prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)
    return UsageTotals.of(usage, PRICE)


async def test_requests_add_up_by_conversation_and_model(store):
    for conversation, model in (("conv_1", "big"), ("conv_1", "big"), ("conv_1", "small"), ("conv_2", "big")):
        await store.add("larkfield", conversation, used(model))

    big, small = await store.of("larkfield", "conv_1")

    assert (big.model, big.requests, big.prompt_tokens, big.cached_tokens) == ("big", 2, 2_000, 800)
    assert (small.model, small.requests, small.completion_tokens) == ("small", 1, 100)


async def test_another_tenants_conversation_is_nobodys_business(store):
    await store.add("acme", "conv_1", used())
    assert await store.of("larkfield", "conv_1") == []


async def test_what_was_not_counted_is_counted_as_that(store):
    await store.add("larkfield", "conv_1", UsageTotals.of(ModelUsage(model="big", metered=False), None))
    await store.add("larkfield", "conv_1", used())

    (totals,) = await store.of("larkfield", "conv_1")

    assert (totals.requests, totals.unmetered, totals.unpriced) == (2, 1, 1)
    assert totals.cost_microdollars == 600 * 2.5 + 400 * 1.25 + 100 * 10
