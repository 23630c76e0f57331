"""What every FeedbackStatistics does."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.feedback_statistics import MemoryFeedbackStatistics
from copilot.adapters.sql.feedback_statistics import SqlFeedbackStatistics
from copilot.domain.assist import FeedbackVerdict
from copilot.domain.feedback import FeedbackHistory, FeedbackOutcome, FeedbackTally

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def statistics(request, opened):
    if request.param == "memory":
        yield MemoryFeedbackStatistics()
        return
    database = await opened(request.param)
    yield SqlFeedbackStatistics(database)


def outcome(number, verdict="used", *, tenant="larkfield", who="rita", intent="refund_request"):
    return FeedbackOutcome(
        suggestion_id=f"sug_{tenant}_{number:03}",
        tenant_id=tenant,
        principal_id=who,
        intent=intent,
        verdict=FeedbackVerdict(verdict),
        at=NOW + timedelta(minutes=number),
    )


async def test_nobody_has_said_anything_yet(statistics):
    assert await statistics.history("larkfield", "refund_request", "rita") == FeedbackHistory()


async def test_words_are_counted_for_the_representative_the_intent_and_the_tenant(statistics):
    for said in (
        outcome(1),
        outcome(2, "edited"),
        outcome(3, "ignored", who="omar"),
        outcome(4, "rejected", intent="shipping_cost"),
        outcome(5, intent=None),
    ):
        await statistics.record(said)

    history = await statistics.history("larkfield", "refund_request", "rita")

    assert history.representative == FeedbackTally(shown=2, used=1, edited=1)
    assert history.intent == FeedbackTally(shown=3, used=1, edited=1)
    assert history.tenant == FeedbackTally(shown=5, used=2, edited=1)
    without_intent = await statistics.history("larkfield", None, "rita")
    assert without_intent.intent == FeedbackTally(shown=1, used=1)


async def test_another_tenants_words_never_enter(statistics):
    for number in range(5):
        await statistics.record(outcome(number, "rejected", tenant="acme"))
    await statistics.record(outcome(1))

    history = await statistics.history("larkfield", "refund_request", "rita")

    assert {t.shown for t in (history.representative, history.intent, history.tenant)} == {1}


async def test_the_last_word_on_a_suggestion_counts(statistics):
    await statistics.record(outcome(1, "ignored"))
    await statistics.record(outcome(1, "used"))

    assert (await statistics.history("larkfield", "refund_request", "rita")).tenant == FeedbackTally(
        shown=1, used=1
    )


async def test_only_the_last_ones_count(statistics):
    for number in range(10):
        await statistics.record(outcome(number, "ignored" if number < 6 else "used"))

    history = await statistics.history("larkfield", "refund_request", "rita", last=5)

    assert history.representative == FeedbackTally(shown=5, used=4)
