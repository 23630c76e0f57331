"""What every ConversationArchive does."""

from datetime import UTC, datetime

import pytest

from copilot.adapters.fakes.conversation_archive import MemoryConversationArchive
from copilot.adapters.sql.conversation_archive import SqlConversationArchive
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.domain.archive import FinishedConversation
from copilot.domain.assist import AnswerFeedback, Drafter, FeedbackVerdict, Suggestion, SuggestionDelta
from copilot.domain.assist_events import (
    ConversationSnapshot,
    SuggestionCompletedEvent,
    SuggestionDeltaEvent,
    TurnEvent,
)
from copilot.domain.conversation import Channel, Conversation, ConversationStatus, Speaker, Turn
from copilot.domain.wrap_up import Disposition, Summary, WrapUp

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TENANT = "larkfield"


def finished(conversation_id, tenant_id=TENANT, status=ConversationStatus.WRAPPED_UP):
    turn = Turn(
        id=f"turn_{conversation_id}",
        conversation_id=conversation_id,
        sequence=1,
        speaker=Speaker.CUSTOMER,
        text="Where is my tent?",
        created_at=NOW,
    )
    conversation = Conversation(
        id=conversation_id,
        tenant_id=tenant_id,
        channel=Channel.CHAT,
        status=status,
        revision=1,
        created_at=NOW,
        updated_at=NOW,
        turns=(turn,),
    )
    draft = Suggestion(
        id=f"sug_{conversation_id}",
        conversation_id=conversation_id,
        revision=1,
        drafter=Drafter.COMPOSER,
        text="On its way.",
        sentences=(),
        confidence=0.9,
        created_at=NOW,
    )
    event = {"conversation_id": conversation_id, "revision": 1, "created_at": NOW}
    judged = AnswerFeedback(
        suggestion_id=draft.id,
        tenant_id=tenant_id,
        principal_id="rep_1",
        verdict=FeedbackVerdict.REJECTED,
        reason="too curt",
        created_at=NOW,
    )
    over = WrapUp(
        conversation_id=conversation_id,
        disposition=Disposition(code="late", title="Late parcel", confidence=0.8),
        summary=Summary(conversation_id=conversation_id, revision=1),
        case_note="Late.",
        created_at=NOW,
    )
    return FinishedConversation(
        conversation=conversation,
        events=(
            TurnEvent(id=1, data=turn, **event),
            SuggestionCompletedEvent(id=3, data=draft, **event),
        ),
        feedback=(judged,),
        wrap_up=over if status is ConversationStatus.WRAPPED_UP else None,
    )


async def keep(database, one):
    """As the live path keeps it, pieces of the draft included."""
    store = SqlConversationStore(database)
    conversation = one.conversation
    await store.create(conversation.model_copy(update={"status": ConversationStatus.OPEN}))
    piece = SuggestionDelta(suggestion_id=one.suggestions[0].id, drafter=Drafter.COMPOSER, text="On")
    delta = SuggestionDeltaEvent(
        id=2, conversation_id=conversation.id, revision=1, created_at=NOW, data=piece
    )
    events = [one.events[0], delta, one.events[1]]
    await store.save_revision(
        ConversationSnapshot(conversation=conversation), events, tenant_id=conversation.tenant_id
    )
    await store.add_feedback(one.feedback[0])
    if one.wrap_up is not None:
        await store.close(conversation.tenant_id, one.wrap_up)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def archive(request, opened):
    """Makes an archive of what it is given."""
    if request.param == "memory":

        async def of(*kept):
            return MemoryConversationArchive(kept)

        yield of
        return
    database = await opened(request.param)

    async def of(*kept):
        for one in kept:
            await keep(database, one)
        return SqlConversationArchive(database)

    yield of


async def test_a_wrapped_up_conversation_comes_with_what_was_shown_and_what_became_of_it(archive):
    kept = finished("conv_1")

    (found,) = await (await archive(kept)).finished(TENANT)

    assert found == kept
    assert [s.text for s in found.suggestions] == ["On its way."]


async def test_open_conversations_and_other_tenants_are_left_out(archive):
    looking = await archive(
        finished("conv_1", status=ConversationStatus.OPEN), finished("conv_2", tenant_id="other")
    )

    assert await looking.finished(TENANT) == []
    assert [one.conversation.id for one in await looking.finished("other")] == ["conv_2"]


async def test_it_is_read_page_by_page_oldest_first(archive):
    looking = await archive(*(finished(f"conv_{n}") for n in (3, 1, 2)))

    first = await looking.finished(TENANT, limit=2)
    rest = await looking.finished(TENANT, after=first[-1].conversation.id, limit=2)

    assert [one.conversation.id for one in (*first, *rest)] == ["conv_1", "conv_2", "conv_3"]
