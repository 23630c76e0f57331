"""What every ActivityLog does, over conversations that a ConversationStore has kept."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.sql.activity import SqlActivityLog
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.feedback_statistics import SqlFeedbackStatistics
from copilot.domain.activity import Adoption
from copilot.domain.assist import Drafter, FeedbackVerdict, Suggestion
from copilot.domain.assist_events import ConversationSnapshot, SuggestionCompletedEvent, TurnEvent
from copilot.domain.conversation import Channel, Conversation, Speaker, Turn
from copilot.domain.feedback import FeedbackOutcome

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Past:
    """Conversations of one turn with one suggestion each."""

    def __init__(self, database):
        self._conversations = SqlConversationStore(database)
        self._feedback = SqlFeedbackStatistics(database)
        self._count = 0

    async def happened(
        self,
        seconds=0.4,
        *,
        at=NOW,
        intent="refund_request",
        tenant="larkfield",
        speaker=Speaker.CUSTOMER,
        replaces=None,
    ):
        self._count += 1
        conversation = Conversation(
            id=f"conv_{self._count}", tenant_id=tenant, channel=Channel.CHAT, created_at=at, updated_at=at
        )
        await self._conversations.create(conversation)
        turn_id = f"turn_{self._count}"
        grown = await self._conversations.append_turn(
            tenant, conversation.id, turn_id=turn_id, speaker=speaker, text="Hello?", at=at
        )
        shown_at = at + timedelta(seconds=seconds)
        suggestion = Suggestion(
            id=f"sug_{self._count}",
            conversation_id=conversation.id,
            revision=1,
            drafter=Drafter.COMPOSER,
            text="Hello.",
            sentences=(),
            confidence=0.9,
            intent=intent,
            replaces=replaces,
            created_at=shown_at,
        )
        turn = Turn(
            id=turn_id,
            conversation_id=conversation.id,
            sequence=1,
            speaker=speaker,
            text="Hello?",
            created_at=at,
        )
        common = {"conversation_id": conversation.id, "revision": 1}
        events = [
            TurnEvent(id=1, created_at=at, data=turn, **common),
            SuggestionCompletedEvent(id=2, created_at=shown_at, data=suggestion, **common),
            SuggestionCompletedEvent(id=3, created_at=shown_at + DAY, data=suggestion, **common),
        ]
        await self._conversations.save_revision(
            ConversationSnapshot(conversation=grown), events, tenant_id=tenant
        )
        return suggestion

    async def judged(self, suggestion, verdict, *, who="rita", after=1, tenant="larkfield"):
        await self._feedback.record(
            FeedbackOutcome(
                suggestion_id=suggestion.id,
                tenant_id=tenant,
                principal_id=who,
                intent=suggestion.intent,
                verdict=FeedbackVerdict(verdict),
                at=suggestion.created_at + timedelta(seconds=after),
            )
        )


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request, opened):
    return await opened(request.param)


@pytest.fixture
def past(database):
    return Past(database)


@pytest.fixture
def log(database):
    return SqlActivityLog(database)


async def test_nothing_has_happened_yet(log):
    assert await log.adoption("larkfield", NOW - DAY, NOW + DAY) == []
    assert await log.waits("larkfield", NOW - DAY, NOW + DAY) == []


async def test_suggestions_are_counted_by_intent_with_what_became_of_them(log, past):
    for verdict in ("used", "used", "edited", "ignored", None):
        suggestion = await past.happened()
        if verdict:
            await past.judged(suggestion, verdict)
    await past.judged(await past.happened(intent=None), "rejected")

    assert await log.adoption("larkfield", NOW - DAY, NOW + DAY) == [
        Adoption(intent="refund_request", shown=5, used=2, edited=1, ignored=1),
        Adoption(intent=None, shown=1, rejected=1),
    ]


async def test_a_suggestion_that_two_have_judged_counts_once_by_the_last_word(log, past):
    suggestion = await past.happened()
    await past.judged(suggestion, "ignored", who="rita", after=1)
    await past.judged(suggestion, "used", who="omar", after=2)

    (adoption,) = await log.adoption("larkfield", NOW - DAY, NOW + DAY)

    assert (adoption.shown, adoption.used, adoption.ignored) == (1, 1, 0)


async def test_a_draft_that_another_has_replaced_was_not_shown_unless_somebody_judged_it(log, past):
    replaced, used = await past.happened(), await past.happened()
    await past.judged(used, "used")
    for draft in (replaced, used):
        await past.happened(replaces=draft.id)

    (adoption,) = await log.adoption("larkfield", NOW - DAY, NOW + DAY)

    assert (adoption.shown, adoption.used) == (3, 1)


async def test_the_wait_is_to_the_first_suggestion_of_the_turn(log, past):
    await past.happened(seconds=0.25)

    (wait,) = await log.waits("larkfield", NOW - DAY, NOW + DAY)

    assert wait.asked_at == NOW
    assert wait.seconds == pytest.approx(0.25)


async def test_what_a_representative_says_is_no_question(log, past):
    await past.happened(speaker=Speaker.REPRESENTATIVE)

    assert await log.waits("larkfield", NOW - DAY, NOW + DAY) == []


async def test_only_the_tenants_own_and_only_those_of_the_span(log, past):
    await past.judged(await past.happened(tenant="acme"), "used", tenant="acme")
    await past.happened(at=NOW - 3 * DAY)

    assert await log.adoption("larkfield", NOW - DAY, NOW + DAY) == []
    assert await log.waits("larkfield", NOW - DAY, NOW + DAY) == []
    assert len(await log.waits("larkfield", NOW - 4 * DAY, NOW)) == 1
