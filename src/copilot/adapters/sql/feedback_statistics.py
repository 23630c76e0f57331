"""What became of suggestions, in SQL."""

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    case,
    func,
    select,
)

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert
from copilot.domain.assist import FeedbackVerdict
from copilot.domain.feedback import FeedbackHistory, FeedbackOutcome, FeedbackTally

_NO_INTENT = ""

outcomes = Table(
    "feedback_outcomes",
    metadata,
    Column("suggestion_id", Text, primary_key=True),
    Column("principal_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("intent", Text, nullable=False),  # "" for none, so that it can be compared
    Column("verdict", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("feedback_outcomes_of_intent", "tenant_id", "intent", "principal_id", "at"),
    Index("feedback_outcomes_of_tenant", "tenant_id", "at"),
)


@of_one_tenant()
class SqlFeedbackStatistics:
    """The FeedbackStatistics port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, outcome: FeedbackOutcome) -> None:
        values = outcome.model_dump() | {"intent": outcome.intent or _NO_INTENT}
        await self._database.transact(lambda connection: connection.execute(_RECORD, values))

    async def history(
        self, tenant_id: str, intent: str | None, principal_id: str, *, last: int = 50
    ) -> FeedbackHistory:
        given = {
            "tenant": tenant_id,
            "of_intent": intent or _NO_INTENT,
            "of_representative": principal_id,
            "last": last,
        }

        def tallies(connection: Connection) -> list[FeedbackTally]:
            return [_tally_of(connection.execute(statement, given).one()) for statement in _HISTORY]

        representative, of_all, tenant = await self._database.look(tallies)
        return FeedbackHistory(representative=representative, intent=of_all, tenant=tenant)


def _tally_of(row: Row[int, Any, Any]) -> FeedbackTally:
    return FeedbackTally(shown=row[0], used=row[1] or 0, edited=row[2] or 0)


def _counts(*conditions: ColumnElement[bool]) -> Select[int, Any, Any]:
    latest = (
        select(outcomes.c.verdict)
        .where(outcomes.c.tenant_id == bindparam("tenant"), *conditions)
        .order_by(outcomes.c.at.desc(), outcomes.c.suggestion_id.desc())
        .limit(bindparam("last", type_=Integer))
        .subquery()
    )
    return select(
        func.count(),
        func.sum(case((latest.c.verdict == FeedbackVerdict.USED, 1), else_=0)),
        func.sum(case((latest.c.verdict == FeedbackVerdict.EDITED, 1), else_=0)),
    ).select_from(latest)


# Made once, because every turn asks them.
_OF_INTENT = outcomes.c.intent == bindparam("of_intent")
_HISTORY = (
    _counts(_OF_INTENT, outcomes.c.principal_id == bindparam("of_representative")),
    _counts(_OF_INTENT),
    _counts(),
)
"""The representative's with the intent, everybody's with it, and everybody's."""

_new = upsert(outcomes)
_RECORD = _new.on_conflict_do_update(
    index_elements=["suggestion_id", "principal_id"],
    set_={name: _new.excluded[name] for name in ("verdict", "at", "intent")},
)
