"""What has become old, in SQL: found and removed in batches, so that no writer waits long."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, or_, select, update

from copilot.adapters.sql import schema
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.gap_store import forget_wordings
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.conversation import ConversationStatus
from copilot.domain.privacy import RetentionKind

_T = schema.metadata.tables
_AT_ONCE = 500
_CONVERSATIONS_AT_ONCE = 50
_STATUS = {
    RetentionKind.CONVERSATIONS: ConversationStatus.WRAPPED_UP,
    RetentionKind.ABANDONED: ConversationStatus.OPEN,
    RetentionKind.EVENTS: ConversationStatus.WRAPPED_UP,
}


@of_one_tenant()
class SqlAgedRecords:
    """The AgedRecords port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def old_conversations(
        self, tenant_id: str, kind: RetentionKind, before: datetime, *, after: str = "", limit: int = 100
    ) -> list[str]:
        query = _conversations(tenant_id, kind, before).where(_T["conversations"].c.id > after)
        query = query.order_by(_T["conversations"].c.id).limit(limit)
        return await self._database.look(lambda connection: list(connection.scalars(query)))

    async def count(self, tenant_id: str, kind: RetentionKind, before: datetime) -> int:
        if kind in (RetentionKind.CONVERSATIONS, RetentionKind.ABANDONED):
            counted = [select(func.count()).select_from(_conversations(tenant_id, kind, before).subquery())]
        else:
            counted = [
                select(func.count()).select_from(table).where(where)
                for table, where in _rows(tenant_id, kind, before)
            ]
        return await self._database.look(
            lambda connection: sum(connection.scalar(query) or 0 for query in counted)
        )

    async def remove(self, tenant_id: str, kind: RetentionKind, before: datetime) -> int:
        def work(connection: Connection) -> int:
            if kind is RetentionKind.GAPS:
                return _remove_gaps(connection, tenant_id, before)
            gone = 0
            for table, where in _rows(tenant_id, kind, before, at_once=True):
                change = (
                    update(table).values(final_text=None, reason=None)
                    if kind is RetentionKind.FEEDBACK_TEXTS
                    else delete(table)
                )
                gone += connection.execute(change.where(where)).rowcount
            return gone

        return await self._database.transact(work)


def _conversations(tenant_id: str, kind: RetentionKind, before: datetime) -> Select[tuple[str]]:
    talks = _T["conversations"]
    return select(talks.c.id).where(
        talks.c.tenant_id == tenant_id, talks.c.status == _STATUS[kind], talks.c.updated_at < before
    )


def _rows(
    tenant_id: str, kind: RetentionKind, before: datetime, *, at_once: bool = False
) -> list[tuple[Table, ColumnElement[bool]]]:
    """(table, which rows) of a kind, or a batch of it."""
    if kind is RetentionKind.EVENTS:
        return _shown(tenant_id, before, at_once=at_once)
    if kind is RetentionKind.FEEDBACK_TEXTS:
        table, key, at = _T["feedback"], "suggestion_id", "created_at"
        more = [or_(table.c.final_text.is_not(None), table.c.reason.is_not(None))]
    elif kind is RetentionKind.GAPS:
        table, key, at, more = _T["knowledge_gaps"], "id", "asked_at", []
    else:
        table, key, at, more = _T["verification_attempts"], "attempt_id", "at", []
    where = (table.c.tenant_id == tenant_id) & (table.c[at] < before)
    for condition in more:
        where &= condition
    if at_once:
        where &= table.c[key].in_(select(table.c[key]).where(where).limit(_AT_ONCE))
    return [(table, where)]


def _shown(tenant_id: str, before: datetime, *, at_once: bool) -> list[tuple[Table, ColumnElement[bool]]]:
    """Events, and the snapshots of all revisions but the last, which is how a conversation is looked at."""
    talks, events, revisions = _T["conversations"], _T["events"], _T["revisions"]
    later = revisions.alias()
    superseded = (
        select(later.c.revision)
        .where(
            later.c.conversation_id == revisions.c.conversation_id, later.c.revision > revisions.c.revision
        )
        .exists()
    )
    old = _conversations(tenant_id, RetentionKind.EVENTS, before)
    if at_once:
        has_events = select(events.c.id).where(events.c.conversation_id == talks.c.id).exists()
        old = old.where(has_events).limit(_CONVERSATIONS_AT_ONCE)
    return [
        (revisions, revisions.c.conversation_id.in_(old) & superseded),
        (events, events.c.conversation_id.in_(old)),
    ]


def _remove_gaps(connection: Connection, tenant_id: str, before: datetime) -> int:
    gaps, members = _T["knowledge_gaps"], _T["gap_members"]
    old = (
        select(gaps.c.id, gaps.c.question)
        .where(gaps.c.tenant_id == tenant_id, gaps.c.asked_at < before)
        .limit(_AT_ONCE)
    )
    found = connection.execute(old).all()
    ids = [row.id for row in found]
    if ids:
        connection.execute(delete(members).where(members.c.tenant_id == tenant_id, members.c.gap_id.in_(ids)))
        connection.execute(delete(gaps).where(gaps.c.tenant_id == tenant_id, gaps.c.id.in_(ids)))
        forget_wordings(connection, tenant_id, {row.question for row in found})
    return len(ids)
