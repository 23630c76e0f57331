"""Wrapped-up conversations with what was shown and what became of it, read from SQL."""

import orjson
from sqlalchemy import Connection, select

from copilot.adapters.sql.conversation_tables import conversations, events, feedback, suggestions, turns
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.archive import FinishedConversation
from copilot.domain.assist import AnswerFeedback
from copilot.domain.conversation import Conversation, ConversationStatus, Turn
from copilot.domain.wrap_up import WrapUp

_TOLD = ("turn", "tool.result", "next_actions", "action.updated", "suggestion.completed", "suggestion.silent")


@of_one_tenant()
class SqlConversationArchive:
    """The ConversationArchive port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def finished(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[FinishedConversation]:
        query = (
            select(conversations)
            .where(
                conversations.c.tenant_id == tenant_id,
                conversations.c.status == ConversationStatus.WRAPPED_UP,
            )
            .order_by(conversations.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(conversations.c.id > after)

        def read(connection: Connection) -> list[FinishedConversation]:
            return [_finished(connection, row._asdict()) for row in connection.execute(query)]

        return await self._database.look(read)


def _finished(connection: Connection, row: dict[str, object]) -> FinishedConversation:
    identity = str(row["id"])
    said = select(turns).where(turns.c.conversation_id == identity).order_by(turns.c.sequence)
    told = (
        select(events.c.event)
        .where(events.c.conversation_id == identity, events.c.type.in_(_TOLD))
        .order_by(events.c.id)
    )
    became = (
        select(feedback)
        .join(suggestions, suggestions.c.id == feedback.c.suggestion_id)
        .where(suggestions.c.conversation_id == identity)
        .order_by(feedback.c.created_at, feedback.c.suggestion_id)
    )
    fields = {name: value for name, value in row.items() if name in Conversation.model_fields}
    conversation = Conversation.model_validate(
        {**fields, "turns": [Turn.model_validate(t._asdict()) for t in connection.execute(said)]}
    )
    wrap_up = row["wrap_up"]
    return FinishedConversation.model_validate(
        {
            "conversation": conversation,
            "events": [orjson.loads(body) for body in connection.scalars(told)],
            "feedback": [AnswerFeedback.model_validate(f._asdict()) for f in connection.execute(became)],
            "wrap_up": WrapUp.model_validate_json(str(wrap_up)) if wrap_up else None,
        }
    )
