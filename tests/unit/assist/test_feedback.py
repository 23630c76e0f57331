"""Feedback on a suggestion that has just been shown."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.assist.world import RITA

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.fakes.feedback_statistics import MemoryFeedbackStatistics
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.ids import Uuid7Ids
from copilot.assist.feedback import Feedback
from copilot.assist.silence import Silence
from copilot.domain.assist import Drafter, FeedbackVerdict, Suggestion
from copilot.domain.errors import NotFound
from copilot.domain.ids import made_at


class StoredLater(MemoryConversationStore):
    """Has the suggestion from the `after`-th look on."""

    def __init__(self, suggestion: Suggestion, after: int) -> None:
        super().__init__()
        self._suggestion, self._after = suggestion, after
        self.looks = 0

    async def get_suggestion(self, tenant_id, suggestion_id):
        self.looks += 1
        if self.looks < self._after:
            raise NotFound(f"there is no suggestion {suggestion_id!r}")
        return self._suggestion


def shown() -> Suggestion:
    return Suggestion(
        id=Uuid7Ids().new("sug"),
        conversation_id="conv_1",
        revision=1,
        drafter=Drafter.COMPOSER,
        text="It takes five days.",
        sentences=(),
        confidence=0.9,
        created_at=datetime.now(UTC),
    )


def feedback(store, now: datetime) -> Feedback:
    return Feedback(store, FakeLedgerStore(), Silence(MemoryFeedbackStatistics()), FixedClock(now))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("copilot.assist.feedback._LOOKED_EVERY", 0)


async def test_what_another_server_is_about_to_store_is_waited_for():
    suggestion = shown()
    store = StoredLater(suggestion, after=3)
    found, kept = await feedback(store, datetime.now(UTC)).record(
        RITA, suggestion.id, FeedbackVerdict.USED, suggestion.text
    )
    assert (found, kept.verdict) == (suggestion, FeedbackVerdict.USED)
    assert store.looks >= 3


@pytest.mark.parametrize("name", ["sug_1", "of a while ago"])
async def test_nobody_waits_for_what_was_never_shown(name):
    suggestion = shown()
    store, now = StoredLater(suggestion, after=99), datetime.now(UTC)
    if name != "sug_1":
        name, now = suggestion.id, now + timedelta(hours=1)
    with pytest.raises(NotFound):
        await asyncio.wait_for(feedback(store, now).record(RITA, name, FeedbackVerdict.USED), 1)
    assert store.looks == 1


async def test_a_fresh_id_that_stays_unknown_is_refused_in_the_end():
    suggestion = shown()
    store = StoredLater(suggestion, after=99)
    with pytest.raises(NotFound):
        await feedback(store, datetime.now(UTC)).record(RITA, suggestion.id, FeedbackVerdict.USED)


def test_an_id_says_when_it_was_made():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    assert before <= made_at(Uuid7Ids().new("conv")) <= datetime.now(UTC)
    assert made_at("conv_1") is made_at("") is made_at("conv_" + "0" * 32) is None
