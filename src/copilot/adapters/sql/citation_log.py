"""Which conversations cite a document, in SQL: looked up by the document's name, read where it was said."""

from datetime import datetime

import orjson
from sqlalchemy import Connection, Select, func, select

from copilot.adapters.sql.conversation_tables import (
    citations,
    conversations,
    feedback,
    revisions,
    suggestions,
)
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.assist import FeedbackVerdict, KnowledgeCards, Suggestion
from copilot.domain.conversation import Conversation, ConversationStatus
from copilot.ports import OpenConversation, SentReply

_SENT = (FeedbackVerdict.USED, FeedbackVerdict.EDITED)
_FIELDS = [conversations.c[name] for name in Conversation.model_fields if name != "turns"]


@of_one_tenant()
class SqlCitationLog:
    """The CitationLog port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first_conversation_at(self, tenant_id: str) -> datetime | None:
        # Ids are in the order of time, and the table has an index by tenant, status and id.
        statement = select(conversations.c.created_at).where(conversations.c.tenant_id == tenant_id)
        async with self._database.peek() as connection:
            found: datetime | None = await connection.scalar(statement.order_by(conversations.c.id).limit(1))
            return found

    async def cited_documents(self, tenant_id: str) -> frozenset[str]:
        statement = select(citations.c.external_id).where(citations.c.tenant_id == tenant_id).distinct()
        async with self._database.peek() as connection:
            return frozenset(await connection.scalars(statement))

    async def sent_replies(
        self, tenant_id: str, external_id: str, version: str | None = None, *, limit: int = 100
    ) -> list[SentReply]:
        cited = _citing(select(citations.c.suggestion_id), tenant_id, external_id, version)
        statement = (
            select(suggestions.c.suggestion, feedback.c.verdict, feedback.c.final_text, feedback.c.created_at)
            .join(feedback, feedback.c.suggestion_id == suggestions.c.id)
            .where(suggestions.c.id.in_(cited), feedback.c.verdict.in_(_SENT))
            .order_by(feedback.c.created_at.desc(), suggestions.c.id.desc())
            .limit(limit)
        )
        async with self._database.peek() as connection:
            return [
                SentReply(
                    suggestion=Suggestion.model_validate_json(row.suggestion),
                    verdict=FeedbackVerdict(row.verdict),
                    final_text=row.final_text,
                    at=row.created_at,
                )
                for row in await connection.execute(statement)
            ]

    async def open_conversations(
        self, tenant_id: str, external_id: str, version: str | None = None, *, limit: int = 100
    ) -> list[OpenConversation]:
        cited = _citing(select(citations.c.conversation_id), tenant_id, external_id, version)
        earlier = revisions.alias()
        last = (
            select(func.max(earlier.c.revision))
            .where(earlier.c.conversation_id == conversations.c.id)
            .scalar_subquery()
        )
        statement = (
            select(*_FIELDS, revisions.c.snapshot)
            .select_from(conversations)
            .join(
                revisions,
                (revisions.c.conversation_id == conversations.c.id) & (revisions.c.revision == last),
            )
            .where(conversations.c.id.in_(cited), conversations.c.status == ConversationStatus.OPEN)
            .order_by(conversations.c.id.desc())
            .limit(limit)
        )

        def look(connection: Connection) -> list[OpenConversation]:
            found = []
            for row in connection.execute(statement):
                fields = row._asdict()
                shown = orjson.loads(fields.pop("snapshot"))
                knowledge, suggestion = shown.get("knowledge"), shown.get("suggestion")
                found.append(
                    OpenConversation(
                        conversation=Conversation.model_validate(fields),
                        knowledge=KnowledgeCards.model_validate(knowledge) if knowledge else None,
                        suggestion=Suggestion.model_validate(suggestion) if suggestion else None,
                    )
                )
            return found

        return await self._database.look(look)


def _citing(
    statement: Select[tuple[str]], tenant_id: str, external_id: str, version: str | None
) -> Select[tuple[str]]:
    """By the primary key's first columns."""
    statement = statement.where(citations.c.tenant_id == tenant_id, citations.c.external_id == external_id)
    return statement if version is None else statement.where(citations.c.version == version)
