"""What every CitationLog finds of what a ConversationStore has saved."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.citation_log import MemoryCitationLog
from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.sql.citation_log import SqlCitationLog
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.database import Database
from copilot.domain.assist import (
    AnswerFeedback,
    Drafter,
    FeedbackVerdict,
    KnowledgeCard,
    KnowledgeCards,
    Sentence,
    Suggestion,
    Support,
)
from copilot.domain.assist_events import ConversationSnapshot, KnowledgeEvent, SuggestionCompletedEvent
from copilot.domain.conversation import Channel, Conversation
from copilot.domain.knowledge import Audience, Citation
from copilot.domain.wrap_up import Disposition, Summary, WrapUp

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TENANT = "larkfield"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def kept(request, opened):
    """A store, and the log beside it."""
    if request.param == "memory":
        store = MemoryConversationStore()
        yield store, MemoryCitationLog(store)
        return
    database = await opened(request.param)
    yield SqlConversationStore(database), SqlCitationLog(database)


def conversation(number=1, tenant_id=TENANT) -> Conversation:
    return Conversation(
        id=f"conv_{number}",
        tenant_id=tenant_id,
        channel=Channel.CHAT,
        subject="Points",
        representative_id="rep_1",
        created_at=NOW + timedelta(minutes=number),
        updated_at=NOW,
    )


def citation(document="loyalty", version="1", quote="Points expire after 12 months.") -> Citation:
    return Citation(
        passage_id=f"psg_{document}",
        document_id=f"doc_{document}_{version}",
        external_id=document,
        title="Terms",
        version=version,
        heading_path=(),
        clause="2.3",
        page=None,
        quote=quote,
        start=0,
        end=len(quote),
        audience=Audience.PUBLIC,
    )


def suggestion(number, *cited) -> Suggestion:
    sentence = Sentence(text="They last 12 months.", support=Support.SUPPORTED, citations=cited)
    return Suggestion(
        id=f"sug_{number}",
        conversation_id=f"conv_{number}",
        revision=0,
        drafter=Drafter.COMPOSER,
        text="They last 12 months.",
        sentences=(sentence, sentence),
        confidence=0.9,
        created_at=NOW,
    )


def event(kind, data, number, identity):
    return kind(id=identity, conversation_id=f"conv_{number}", revision=0, created_at=NOW, data=data)


async def show(store, number, *, cards=(), drafted=None, tenant_id=TENANT):
    """One conversation in which those cards and that draft were shown."""
    opened = conversation(number, tenant_id)
    await store.create(opened)
    knowledge = KnowledgeCards(
        answered=True,
        confidence=0.9,
        cards=tuple(KnowledgeCard(citation=c, text=c.quote, confidence=0.9) for c in cards),
    )
    events = [event(KnowledgeEvent, knowledge, number, 1), event(KnowledgeEvent, knowledge, number, 2)]
    if drafted is not None:
        events.append(event(SuggestionCompletedEvent, drafted, number, 3))
    snapshot = ConversationSnapshot(conversation=opened, knowledge=knowledge, suggestion=drafted)
    assert await store.save_revision(snapshot, events, tenant_id=tenant_id)


async def judge(store, number, verdict, at=NOW, text=None):
    await store.add_feedback(
        AnswerFeedback(
            suggestion_id=f"sug_{number}",
            tenant_id=TENANT,
            principal_id="rep_1",
            verdict=verdict,
            final_text=text,
            created_at=at,
        )
    )


async def test_only_what_was_sent_is_a_reply_newest_first(kept):
    store, log = kept
    verdicts = (
        FeedbackVerdict.USED,
        FeedbackVerdict.EDITED,
        FeedbackVerdict.IGNORED,
        FeedbackVerdict.REJECTED,
    )
    for number, verdict in enumerate(verdicts, start=1):
        await show(store, number, drafted=suggestion(number, citation(), citation()))
        await judge(store, number, verdict, NOW + timedelta(minutes=number), "12 months, I think.")
    await show(store, 5, drafted=suggestion(5, citation()))  # nobody has said what became of it

    replies = await log.sent_replies(TENANT, "loyalty")

    assert [(r.suggestion.id, r.verdict) for r in replies] == [
        ("sug_2", FeedbackVerdict.EDITED),
        ("sug_1", FeedbackVerdict.USED),
    ]
    assert replies[0].final_text == "12 months, I think."
    assert replies[0].at == NOW + timedelta(minutes=2)
    assert [r.suggestion.id for r in await log.sent_replies(TENANT, "loyalty", limit=1)] == ["sug_2"]


async def test_a_version_is_told_from_the_others(kept):
    store, log = kept
    await show(store, 1, drafted=suggestion(1, citation(version="1")))
    await show(store, 2, drafted=suggestion(2, citation(version="2")))
    for number in (1, 2):
        await judge(store, number, FeedbackVerdict.USED)

    assert [r.suggestion.id for r in await log.sent_replies(TENANT, "loyalty", "1")] == ["sug_1"]
    assert {r.suggestion.id for r in await log.sent_replies(TENANT, "loyalty")} == {"sug_1", "sug_2"}
    assert [o.conversation.id for o in await log.open_conversations(TENANT, "loyalty", "2")] == ["conv_2"]


async def test_open_conversations_with_what_they_show_last(kept):
    store, log = kept
    await show(store, 1, cards=[citation()])
    await show(store, 2, drafted=suggestion(2, citation()))
    await show(store, 3, cards=[citation("returns")])
    await show(store, 4, cards=[citation()])
    await store.close(
        TENANT,
        WrapUp(
            conversation_id="conv_4",
            disposition=Disposition(code="other", title="Other", confidence=0.5),
            summary=Summary(conversation_id="conv_4", revision=0),
            case_note="Done.",
            created_at=NOW,
        ),
    )

    drafted, carded = await log.open_conversations(TENANT, "loyalty")

    assert (drafted.conversation.id, drafted.suggestion) == ("conv_2", suggestion(2, citation()))
    assert carded.conversation == conversation(1)
    assert [card.citation for card in carded.knowledge.cards] == [citation()]


async def test_what_has_ever_been_cited_and_since_when_there_is_a_record(kept):
    store, log = kept
    assert await log.first_conversation_at(TENANT) is None
    await show(store, 2, cards=[citation("loyalty")])
    await show(store, 1, drafted=suggestion(1, citation("returns")))

    assert await log.cited_documents(TENANT) == {"loyalty", "returns"}
    assert await log.first_conversation_at(TENANT) == NOW + timedelta(minutes=1)


async def test_nothing_of_another_tenant(kept):
    store, log = kept
    await show(store, 1, cards=[citation()], drafted=suggestion(1, citation()))
    await judge(store, 1, FeedbackVerdict.USED)

    assert await log.cited_documents("other") == frozenset()
    assert await log.sent_replies("other", "loyalty") == []
    assert await log.open_conversations("other", "loyalty") == []
    assert await log.first_conversation_at("other") is None


async def test_what_was_shown_before_citations_were_kept_is_found_too(tmp_path):
    database = await Database.open(tmp_path / "copilot.db")
    await show(
        SqlConversationStore(database), 1, cards=[citation("loyalty")], drafted=suggestion(1, citation("r"))
    )
    async with database.write() as connection:
        for statement in (
            "DROP TRIGGER citations_of_suggestion",
            "DROP TRIGGER citations_of_cards",
            "DROP TABLE citations",
            "DROP TABLE alembic_version",
        ):
            await connection.exec_driver_sql(statement)
    await database.close()

    database = await Database.open(tmp_path / "copilot.db")
    assert await SqlCitationLog(database).cited_documents(TENANT) == {"loyalty", "r"}
    await database.close()
