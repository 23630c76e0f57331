"""How suggestions fare, counted in SQL over what conversations have left."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, func, select

from copilot.adapters.sql.columns import JsonField
from copilot.adapters.sql.conversation_tables import conversations, events, suggestions
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.feedback_statistics import outcomes
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.activity import Adoption, Wait
from copilot.domain.assist import FeedbackVerdict
from copilot.domain.conversation import Speaker


@of_one_tenant()
class SqlActivityLog:
    """The ActivityLog port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def adoption(self, tenant_id: str, since: datetime, until: datetime) -> list[Adoption]:
        intent = JsonField(suggestions.c.suggestion, "intent")
        at = JsonField(suggestions.c.suggestion, "created_at")
        later = suggestions.alias("later")
        replaces = JsonField(later.c.suggestion, "replaces")
        replaced = select(replaces).where(later.c.tenant_id == tenant_id, replaces.is_not(None))
        used_all_the_same = select(outcomes.c.suggestion_id).where(outcomes.c.tenant_id == tenant_id)
        of_tenant = (
            suggestions.c.tenant_id == tenant_id,
            *_within(at, since, until),
            suggestions.c.id.not_in(replaced) | suggestions.c.id.in_(used_all_the_same),
        )
        shown = select(intent, func.count()).where(*of_tenant).group_by(intent)
        # One suggestion counts once, whoever judged it: by the last word of any representative.
        last = (
            select(outcomes.c.suggestion_id, func.max(outcomes.c.at).label("at"))
            .where(outcomes.c.tenant_id == tenant_id)
            .group_by(outcomes.c.suggestion_id)
            .subquery()
        )
        judged = (
            select(intent, outcomes.c.verdict, func.count(suggestions.c.id.distinct()))
            .join(outcomes, outcomes.c.suggestion_id == suggestions.c.id)
            .join(last, (last.c.suggestion_id == outcomes.c.suggestion_id) & (last.c.at == outcomes.c.at))
            .where(*of_tenant, outcomes.c.tenant_id == tenant_id)
            .group_by(intent, outcomes.c.verdict)
        )

        def count(connection: Connection) -> list[Adoption]:
            counts: dict[str | None, dict[str, int]] = {
                name: {"shown": number} for name, number in connection.execute(shown)
            }
            for name, verdict, number in connection.execute(judged):
                counts[name][FeedbackVerdict(verdict).value] = number
            return [Adoption.model_validate({"intent": name, **fields}) for name, fields in counts.items()]

        found = await self._database.look(count)
        return sorted(found, key=lambda adoption: (-adoption.shown, adoption.intent or ""))

    async def waits(self, tenant_id: str, since: datetime, until: datetime) -> list[Wait]:
        query = _first_suggestions(tenant_id, since, until)
        async with self._database.peek() as connection:
            rows = await connection.execute(query)
            return [_wait(row[0], row[1]) for row in rows]


def _first_suggestions(tenant_id: str, since: datetime, until: datetime) -> Select[str, str]:
    """(when a customer's turn came, when the first suggestion of its revision stood)"""
    turn, suggestion = events.alias("turn"), events.alias("suggestion")
    asked = JsonField(turn.c.event, "created_at")
    answered = JsonField(suggestion.c.event, "created_at")
    return (
        select(asked, func.min(answered))
        .select_from(conversations)
        .join(turn, (turn.c.conversation_id == conversations.c.id) & (turn.c.type == "turn"))
        .join(
            suggestion,
            (suggestion.c.conversation_id == conversations.c.id)
            & (suggestion.c.type == "suggestion.completed")
            & (suggestion.c.revision == turn.c.revision),
        )
        .where(
            conversations.c.tenant_id == tenant_id,
            conversations.c.updated_at >= since,
            JsonField(turn.c.event, "data", "speaker") == Speaker.CUSTOMER.value,
            *_within(asked, since, until),
        )
        .group_by(turn.c.conversation_id, turn.c.id)
    )


def _within(at: ColumnElement[str], since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """ISO 8601 in UTC, as JSON has it, compares as text up to the second."""
    return at >= _second(since), at < _second(until)


def _second(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _wait(asked: str, answered: str) -> Wait:
    asked_at = datetime.fromisoformat(asked)
    seconds = (datetime.fromisoformat(answered) - asked_at).total_seconds()
    return Wait(asked_at=asked_at, seconds=max(0.0, seconds))
