"""Conversations, their turns, and what was shown at each revision, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, insert, select, update

from copilot.adapters.sql import alert_queries
from copilot.adapters.sql import conversation_tables as tables
from copilot.adapters.sql.conversation_rows import (
    FIELDS,
    add_turn,
    change,
    claim_revision,
    conversation_of,
    grow,
    read,
    row_of,
    save_events,
    save_snapshot,
    unknown,
    with_turns,
)
from copilot.adapters.sql.conversation_tables import conversations, revisions, suggestions, summaries, turns
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert
from copilot.domain.assist import AnswerFeedback, Suggestion
from copilot.domain.assist_events import AssistEvent, ConversationSnapshot
from copilot.domain.conversation import Conversation, ConversationStatus, Speaker, Turn
from copilot.domain.errors import NotFound
from copilot.domain.signals import Alert
from copilot.domain.snapshot import EventMarks
from copilot.domain.wrap_up import Summary, WrapUp


@of_one_tenant(but=("reserve_event_ids",))
class SqlConversationStore:
    """The ConversationStore port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, conversation: Conversation) -> None:
        def add(connection: Connection) -> None:
            connection.execute(insert(conversations).values(conversation.model_dump(exclude={"turns"})))
            if conversation.turns:
                connection.execute(insert(turns), [t.model_dump() for t in conversation.turns])

        await self._database.transact(add)

    async def get(self, tenant_id: str, conversation_id: str) -> Conversation:
        return await self._database.look(lambda connection: read(connection, tenant_id, conversation_id))

    async def list_open(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Conversation]:
        query = (
            select(*FIELDS)
            .where(
                conversations.c.tenant_id == tenant_id,
                conversations.c.status == ConversationStatus.OPEN,
            )
            .order_by(conversations.c.id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(conversations.c.id < after)
        async with self._database.read() as connection:
            return [conversation_of(row, ()) for row in await connection.execute(query)]

    async def list_wrapped_up(
        self, tenant_id: str, *, after: str | None = None, limit: int = 200
    ) -> list[str]:
        query = (
            select(conversations.c.id)
            .where(
                conversations.c.tenant_id == tenant_id,
                conversations.c.status == ConversationStatus.WRAPPED_UP,
            )
            .order_by(conversations.c.id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(conversations.c.id < after)
        async with self._database.read() as connection:
            return list(await connection.scalars(query))

    async def append_turn(
        self, tenant_id: str, conversation_id: str, *, turn_id: str, speaker: Speaker, text: str, at: datetime
    ) -> Conversation | None:
        def append(connection: Connection) -> Conversation | None:
            row = row_of(connection, tenant_id, conversation_id, to_change=True)
            before = with_turns(connection, row)
            if any(turn.id == turn_id for turn in before.turns):
                return None
            grown = conversation_of(grow(connection, tenant_id, conversation_id, at), before.turns)
            turn = Turn(
                id=turn_id,
                conversation_id=conversation_id,
                sequence=len(before.turns) + 1,
                speaker=speaker,
                text=text,
                created_at=at,
            )
            add_turn(connection, turn)
            return grown.model_copy(update={"turns": (*before.turns, turn)})

        return await self._database.transact(append)

    async def set_customer(
        self, tenant_id: str, conversation_id: str, customer_id: str, at: datetime
    ) -> Conversation:
        def bind(connection: Connection) -> Conversation:
            row = grow(connection, tenant_id, conversation_id, at, customer_id=customer_id)
            return with_turns(connection, row)

        return await self._database.transact(bind)

    async def save_revision(
        self, snapshot: ConversationSnapshot, events: Sequence[AssistEvent], *, tenant_id: str
    ) -> bool:
        conversation = snapshot.conversation
        last_event = max((event.id for event in events), default=0)

        def save(connection: Connection) -> bool:
            if not claim_revision(connection, tenant_id, conversation.id, conversation.revision, last_event):
                return False
            save_snapshot(connection, snapshot)
            save_events(connection, events, tenant_id)
            return True

        return await self._database.transact(save)

    async def close(self, tenant_id: str, wrap_up: WrapUp) -> Conversation:
        def end(connection: Connection) -> Conversation:
            row = change(
                connection,
                tenant_id,
                wrap_up.conversation_id,
                status=ConversationStatus.WRAPPED_UP,
                wrap_up=wrap_up.model_dump_json(),
                updated_at=wrap_up.created_at,
            )
            return with_turns(connection, row)

        return await self._database.transact(end)

    async def snapshot(self, tenant_id: str, conversation_id: str) -> ConversationSnapshot:
        saved = (
            select(revisions.c.snapshot)
            .where(revisions.c.conversation_id == conversation_id)
            .order_by(revisions.c.revision.desc())
            .limit(1)
        )

        def load(connection: Connection) -> tuple[Row[Any], Conversation, str | None]:
            row = row_of(connection, tenant_id, conversation_id)
            return row, with_turns(connection, row), connection.scalar(saved)

        row, conversation, body = await self._database.look(load)
        fields: dict[str, Any] = orjson.loads(body) if body else {}
        if row.wrap_up:
            fields["wrap_up"] = orjson.loads(row.wrap_up)
        suggestion = fields.get("suggestion")
        if suggestion and suggestion["revision"] < conversation.revision:
            fields["suggestion"] = None
        return ConversationSnapshot.model_validate({**fields, "conversation": conversation})

    async def events_after(
        self, tenant_id: str, conversation_id: str, event_id: int, *, limit: int = 500
    ) -> list[AssistEvent]:
        query = (
            select(tables.events.c.event)
            .join(conversations, conversations.c.id == tables.events.c.conversation_id)
            .where(
                tables.events.c.conversation_id == conversation_id,
                tables.events.c.id > event_id,
                conversations.c.tenant_id == tenant_id,
            )
            .order_by(tables.events.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [_event_adapter().validate_json(body) for body in await connection.scalars(query)]

    async def event_marks(self, tenant_id: str, conversation_id: str) -> EventMarks:
        query = select(
            conversations.c.reserved_event_id, conversations.c.saved_event_id, conversations.c.saved_revision
        ).where(conversations.c.id == conversation_id, conversations.c.tenant_id == tenant_id)
        row = await self._database.look(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise unknown(conversation_id)
        return EventMarks(reserved=row[0], saved=row[1], saved_revision=row[2])

    async def reserve_event_ids(self, conversation_id: str, count: int) -> int:
        statement = (
            update(conversations)
            .where(conversations.c.id == conversation_id)
            .values(reserved_event_id=conversations.c.reserved_event_id + count)
            .returning(conversations.c.reserved_event_id)
        )
        last = await self._database.transact(lambda connection: connection.scalar(statement))
        if last is None:
            raise unknown(conversation_id)
        return int(last) - count + 1

    async def get_suggestion(self, tenant_id: str, suggestion_id: str) -> Suggestion:
        query = select(suggestions.c.suggestion).where(
            suggestions.c.id == suggestion_id, suggestions.c.tenant_id == tenant_id
        )
        body = await self._database.look(lambda connection: connection.scalar(query))
        if body is None:
            raise NotFound(f"there is no suggestion {suggestion_id!r}")
        return Suggestion.model_validate_json(body)

    async def add_feedback(self, feedback: AnswerFeedback) -> None:
        values = feedback.model_dump()
        statement = upsert(tables.feedback).values(values)
        statement = statement.on_conflict_do_update(
            index_elements=["suggestion_id", "principal_id"],
            set_={name: statement.excluded[name] for name in values if name not in _FEEDBACK_KEY},
        )
        owned = select(suggestions.c.id).where(
            suggestions.c.id == feedback.suggestion_id,
            suggestions.c.tenant_id == feedback.tenant_id,
        )
        async with self._database.write() as connection:
            if await connection.scalar(owned) is None:
                raise NotFound(f"there is no suggestion {feedback.suggestion_id!r}")
            await connection.execute(statement)

    async def recent_conversations(
        self, tenant_id: str, customer_id: str, since: datetime, *, limit: int = 20
    ) -> list[Conversation]:
        query = (
            select(*FIELDS)
            .where(
                conversations.c.tenant_id == tenant_id,
                conversations.c.customer_id == customer_id,
                conversations.c.created_at >= since,
            )
            .order_by(conversations.c.id.desc())
            .limit(limit)
        )
        async with self._database.peek() as connection:
            return [conversation_of(row, ()) for row in await connection.execute(query)]

    async def add_alert(self, alert: Alert) -> bool:
        async with self._database.write() as connection:
            return await alert_queries.add(connection, alert)

    async def list_alerts(self, tenant_id: str, *, after: str | None = None, limit: int = 50) -> list[Alert]:
        async with self._database.peek() as connection:
            return await alert_queries.newest(connection, tenant_id, after, limit)

    async def alerts_since(self, tenant_id: str, alert_id: str, *, limit: int = 500) -> list[Alert]:
        async with self._database.peek() as connection:
            return await alert_queries.since(connection, tenant_id, alert_id, limit)

    async def last_summary(self, tenant_id: str, conversation_id: str) -> Summary | None:
        query = (
            select(summaries.c.summary)
            .join(conversations, conversations.c.id == summaries.c.conversation_id)
            .where(summaries.c.conversation_id == conversation_id, conversations.c.tenant_id == tenant_id)
            .order_by(summaries.c.revision.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            body = await connection.scalar(query)
        return Summary.model_validate_json(body) if body else None


_FEEDBACK_KEY = {"suggestion_id", "principal_id"}


@cache
def _event_adapter() -> TypeAdapter[AssistEvent]:
    return TypeAdapter(AssistEvent)
