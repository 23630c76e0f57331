"""What every ConversationStore does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.domain.assist import AnswerFeedback, Drafter, FeedbackVerdict, Suggestion
from copilot.domain.assist_events import ConversationSnapshot, SuggestionCompletedEvent, TurnEvent
from copilot.domain.conversation import Channel, Conversation, ConversationStatus, Speaker
from copilot.domain.errors import ConversationClosed, NotFound
from copilot.domain.signals import Alert, SignalKind
from copilot.domain.wrap_up import Disposition, Statement, Summary, WrapUp

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TENANT = "larkfield"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "memory":
        yield MemoryConversationStore()
        return
    database = await opened(request.param)
    yield SqlConversationStore(database)


def conversation(conversation_id="conv_1", tenant_id=TENANT) -> Conversation:
    return Conversation(
        id=conversation_id,
        tenant_id=tenant_id,
        channel=Channel.CHAT,
        subject="Where is my tent?",
        representative_id="rep_1",
        created_at=NOW,
        updated_at=NOW,
    )


def suggestion(revision=1, suggestion_id="sug_1") -> Suggestion:
    return Suggestion(
        id=suggestion_id,
        conversation_id="conv_1",
        revision=revision,
        drafter=Drafter.COMPOSER,
        text="It is on its way.",
        sentences=(),
        confidence=0.9,
        created_at=NOW,
    )


def summary(revision=1) -> Summary:
    return Summary(conversation_id="conv_1", revision=revision, issue=Statement(text="Parcel late"))


def wrap_up() -> WrapUp:
    return WrapUp(
        conversation_id="conv_1",
        disposition=Disposition(code="shipping.late", title="Late parcel", confidence=0.8),
        summary=summary(),
        case_note="Parcel late, explained.",
        created_at=NOW + timedelta(minutes=5),
    )


async def say(store, text, turn_id="turn_1", speaker=Speaker.CUSTOMER):
    return await store.append_turn(TENANT, "conv_1", turn_id=turn_id, speaker=speaker, text=text, at=NOW)


async def test_a_conversation_comes_back_as_it_was_created(store):
    await store.create(conversation())

    assert await store.get(TENANT, "conv_1") == conversation()


async def test_turns_are_numbered_and_each_adds_one_to_the_revision(store):
    await store.create(conversation())
    first = await say(store, "Hello ☕")
    second = await say(store, "Hi!", "turn_2", Speaker.REPRESENTATIVE)

    assert (first.revision, second.revision) == (1, 2)
    assert [(t.sequence, t.text) for t in second.turns] == [(1, "Hello ☕"), (2, "Hi!")]
    assert await store.get(TENANT, "conv_1") == second


async def test_turns_that_come_at_the_same_moment_are_all_kept_in_one_order(store):
    await store.create(conversation())

    await asyncio.gather(*(say(store, str(n), f"turn_{n}") for n in range(20)))

    kept = await store.get(TENANT, "conv_1")
    assert kept.revision == 20
    assert [t.sequence for t in kept.turns] == list(range(1, 21))
    assert {t.text for t in kept.turns} == {str(n) for n in range(20)}


async def test_another_tenant_sees_nothing_and_changes_nothing(store):
    await store.create(conversation())

    for call in (
        store.get("other", "conv_1"),
        store.snapshot("other", "conv_1"),
        store.event_marks("other", "conv_1"),
        store.set_customer("other", "conv_1", "cust_1", NOW),
        store.append_turn(
            "other", "conv_1", turn_id="turn_1", speaker=Speaker.CUSTOMER, text="Hello", at=NOW
        ),
        store.close("other", wrap_up()),
    ):
        with pytest.raises(NotFound):
            await call
    assert await store.get(TENANT, "conv_1") == conversation()
    assert await store.list_open("other") == []


async def test_verifying_the_customer_adds_one_to_the_revision(store):
    await store.create(conversation())

    changed = await store.set_customer(TENANT, "conv_1", "cust_9", NOW)

    assert (changed.customer_id, changed.revision) == ("cust_9", 1)
    assert await store.get(TENANT, "conv_1") == changed


async def test_nothing_changes_after_wrap_up(store):
    await store.create(conversation())
    await say(store, "Hello")
    closed = await store.close(TENANT, wrap_up())

    assert closed.status is ConversationStatus.WRAPPED_UP
    for call in (
        say(store, "One more thing", "turn_2"),
        store.set_customer(TENANT, "conv_1", "cust_9", NOW),
        store.close(TENANT, wrap_up()),
    ):
        with pytest.raises(ConversationClosed):
            await call
    assert await store.get(TENANT, "conv_1") == closed
    assert (await store.snapshot(TENANT, "conv_1")).wrap_up == wrap_up()


async def test_open_conversations_are_listed_newest_first_in_pages(store):
    for n in range(1, 6):
        await store.create(conversation(f"conv_{n}"))
    await store.close(TENANT, wrap_up())

    first = await store.list_open(TENANT, limit=3)
    rest = await store.list_open(TENANT, after=first[-1].id, limit=3)

    assert [c.id for c in first] == ["conv_5", "conv_4", "conv_3"]
    assert [c.id for c in rest] == ["conv_2"]


async def test_what_was_shown_is_found_again_with_the_conversation_as_it_is_now(store):
    await store.create(conversation())
    now = await say(store, "Hello")
    shown = ConversationSnapshot(conversation=now, suggestion=suggestion(), summary=summary())

    assert await store.save_revision(shown, [], tenant_id=TENANT)
    assert await store.snapshot(TENANT, "conv_1") == shown
    assert await store.last_summary(TENANT, "conv_1") == summary()
    assert await store.last_summary("other", "conv_1") is None


async def test_a_suggestion_for_an_older_revision_is_not_in_the_snapshot(store):
    await store.create(conversation())
    now = await say(store, "Hello")
    await store.save_revision(
        ConversationSnapshot(conversation=now, suggestion=suggestion(), summary=summary()),
        [],
        tenant_id=TENANT,
    )
    await say(store, "Hello?", "turn_2")

    snapshot = await store.snapshot(TENANT, "conv_1")

    assert snapshot.suggestion is None
    assert snapshot.summary == summary()
    assert len(snapshot.conversation.turns) == 2


async def test_an_older_revision_never_replaces_a_newer_one(store):
    await store.create(conversation())
    first = await say(store, "Hello")
    second = await say(store, "Hello?", "turn_2")
    newer = ConversationSnapshot(conversation=second, summary=summary(2))

    assert await store.save_revision(newer, [], tenant_id=TENANT)
    assert not await store.save_revision(
        ConversationSnapshot(conversation=first, summary=summary(1)), [], tenant_id=TENANT
    )
    assert await store.snapshot(TENANT, "conv_1") == newer


async def test_events_are_replayed_in_order_from_any_point_and_marked_as_saved(store):
    await store.create(conversation())
    now = await say(store, "Hello")
    events = [
        TurnEvent(id=n, conversation_id="conv_1", revision=1, created_at=NOW, data=now.turns[0])
        for n in (1, 2, 5)
    ]

    await store.save_revision(ConversationSnapshot(conversation=now), events, tenant_id=TENANT)

    assert await store.events_after(TENANT, "conv_1", 1) == events[1:]
    assert await store.events_after(TENANT, "conv_1", 0, limit=2) == events[:2]
    assert await store.events_after("other", "conv_1", 0) == []
    marks = await store.event_marks(TENANT, "conv_1")
    assert (marks.saved, marks.saved_revision) == (5, 1)


async def test_reserved_event_ids_never_overlap(store):
    await store.create(conversation())

    firsts = await asyncio.gather(*(store.reserve_event_ids("conv_1", 10) for _ in range(5)))

    assert sorted(firsts) == [1, 11, 21, 31, 41]
    assert (await store.event_marks(TENANT, "conv_1")).reserved == 50
    with pytest.raises(NotFound):
        await store.reserve_event_ids("conv_unknown", 10)


async def test_the_last_word_on_a_suggestion_counts(store):
    await store.create(conversation())
    now = await say(store, "Hello")
    event = SuggestionCompletedEvent(
        id=1, conversation_id="conv_1", revision=1, created_at=NOW, data=suggestion()
    )
    await store.save_revision(ConversationSnapshot(conversation=now), [event], tenant_id=TENANT)
    word = AnswerFeedback(
        suggestion_id="sug_1",
        tenant_id=TENANT,
        principal_id="rep_1",
        verdict=FeedbackVerdict.IGNORED,
        created_at=NOW,
    )

    assert await store.get_suggestion(TENANT, "sug_1") == suggestion()
    await store.add_feedback(word)
    await store.add_feedback(word.model_copy(update={"verdict": FeedbackVerdict.USED}))
    for call in (
        store.get_suggestion("other", "sug_1"),
        store.add_feedback(word.model_copy(update={"tenant_id": "other"})),
        store.add_feedback(word.model_copy(update={"suggestion_id": "sug_unknown"})),
    ):
        with pytest.raises(NotFound):
            await call


async def test_wrapped_up_conversations_are_listed_newest_first_for_their_tenant_only(store):
    for number, tenant in enumerate([TENANT, TENANT, "other", TENANT], start=1):
        await store.create(conversation(f"conv_{number}", tenant))
    for number, tenant in ((1, TENANT), (2, TENANT), (3, "other")):
        wrapped = WrapUp(
            conversation_id=f"conv_{number}",
            disposition=Disposition(code="other", title="Other", confidence=0),
            summary=Summary(conversation_id=f"conv_{number}", revision=0),
            case_note="Done.",
            created_at=NOW,
        )
        await store.close(tenant, wrapped)
    assert await store.list_wrapped_up(TENANT) == ["conv_2", "conv_1"]
    assert await store.list_wrapped_up(TENANT, after="conv_2", limit=1) == ["conv_1"]
    assert await store.list_wrapped_up("other") == ["conv_3"]


async def test_a_customers_recent_conversations_are_found_newest_first(store):
    for number, (customer_id, tenant_id) in enumerate(
        [("cust_1", TENANT), ("cust_1", TENANT), ("cust_2", TENANT), ("cust_1", "other")]
    ):
        opened = conversation(f"conv_{number}", tenant_id).model_copy(
            update={"customer_id": customer_id, "created_at": NOW + timedelta(days=number)}
        )
        await store.create(opened)

    async def found(since, **more):
        return [c.id for c in await store.recent_conversations(TENANT, "cust_1", since, **more)]

    assert await found(NOW) == ["conv_1", "conv_0"]
    assert await found(NOW + timedelta(days=1)) == ["conv_1"]
    assert await found(NOW, limit=1) == ["conv_1"]


async def test_an_alert_is_kept_once_for_each_reason(store):
    await store.create(conversation())
    await store.create(conversation("conv_2", "other"))
    first, again, second = alert("alert_1"), alert("alert_2"), alert("alert_3", SignalKind.CHURN_RISK)
    foreign = alert("alert_4", conversation_id="conv_2", tenant_id="other")

    kept = [await store.add_alert(one) for one in (first, again, second, foreign)]

    assert kept == [True, False, True, True]
    assert await store.list_alerts(TENANT) == [second, first]
    assert await store.list_alerts(TENANT, after="alert_3") == [first]
    assert await store.list_alerts(TENANT, limit=1) == [second]
    assert await store.alerts_since(TENANT, "alert_1") == [second]
    assert await store.alerts_since(TENANT, "") == [first, second]


def alert(alert_id, reason=SignalKind.LEGAL_THREAT, conversation_id="conv_1", tenant_id=TENANT):
    return Alert(
        id=alert_id,
        tenant_id=tenant_id,
        conversation_id=conversation_id,
        revision=1,
        reason=reason,
        message="The customer speaks of legal steps.",
        turn_ids=("turn_1",),
        created_at=NOW,
    )
