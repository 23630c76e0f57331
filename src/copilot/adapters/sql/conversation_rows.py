"""What every turn does in SQL; each statement is made once, which takes longer than to run it."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from copilot.adapters.sql import conversation_tables as tables
from copilot.adapters.sql.conversation_tables import conversations, revisions, suggestions, summaries, turns
from copilot.adapters.sql.upserts import upsert
from copilot.domain.assist_events import AssistEvent, ConversationSnapshot, SuggestionCompletedEvent
from copilot.domain.conversation import Conversation, ConversationStatus, Turn
from copilot.domain.errors import ConversationClosed, NotFound
from copilot.domain.wrap_up import Summary

FIELDS = (
    *(conversations.c[name] for name in Conversation.model_fields if name != "turns"),
    conversations.c.wrap_up,
)

_ONE = (conversations.c.id == bindparam("one"), conversations.c.tenant_id == bindparam("tenant"))
_FIND = select(*FIELDS).where(*_ONE)
_FIND_TO_CHANGE = _FIND.with_for_update()
_TURNS = select(turns).where(turns.c.conversation_id == bindparam("one")).order_by(turns.c.sequence)
_ADD_TURN = insert(turns)
_CLAIM = (
    update(conversations)
    .where(*_ONE, conversations.c.saved_revision <= bindparam("of_revision"))
    .values(
        saved_revision=bindparam("of_revision"),
        saved_event_id=case(
            (conversations.c.saved_event_id > bindparam("last_event"), conversations.c.saved_event_id),
            else_=bindparam("last_event"),
        ),
    )
)
_add_revision, _add_summary = upsert(revisions), upsert(summaries)
_SAVE_SNAPSHOT = _add_revision.on_conflict_do_update(
    index_elements=["conversation_id", "revision"], set_={"snapshot": _add_revision.excluded.snapshot}
)
_SAVE_SUMMARY = _add_summary.on_conflict_do_update(
    index_elements=["conversation_id", "revision"], set_={"summary": _add_summary.excluded.summary}
)
_ADD_EVENTS = upsert(tables.events).on_conflict_do_nothing()
_ADD_SUGGESTIONS = upsert(suggestions).on_conflict_do_nothing()


def row_of(
    connection: Connection, tenant_id: str, conversation_id: str, *, to_change: bool = False
) -> Row[Any]:
    """`to_change` keeps other writers of the conversation waiting until the transaction ends."""
    statement = _FIND_TO_CHANGE if to_change else _FIND
    row = connection.execute(statement, {"one": conversation_id, "tenant": tenant_id}).one_or_none()
    if row is None:
        raise unknown(conversation_id)
    return row


def read(connection: Connection, tenant_id: str, conversation_id: str) -> Conversation:
    return with_turns(connection, row_of(connection, tenant_id, conversation_id))


def with_turns(connection: Connection, row: Row[Any]) -> Conversation:
    found = connection.execute(_TURNS, {"one": row.id})
    return conversation_of(row, tuple(Turn.model_validate(turn._asdict()) for turn in found))


def conversation_of(row: Row[Any], found: tuple[Turn, ...]) -> Conversation:
    fields = row._asdict()
    del fields["wrap_up"]
    return Conversation.model_validate({**fields, "turns": found})


def add_turn(connection: Connection, turn: Turn) -> None:
    connection.execute(_ADD_TURN, turn.model_dump())


def grow(
    connection: Connection, tenant_id: str, conversation_id: str, at: datetime, **values: object
) -> Row[Any]:
    """The row after its revision grew by one."""
    return _changed(connection, tenant_id, conversation_id, {"updated_at": at, **values}, grows=True)


def change(connection: Connection, tenant_id: str, conversation_id: str, **values: object) -> Row[Any]:
    """Changes an open conversation. `NotFound` or `ConversationClosed` when it is not there or not open."""
    return _changed(connection, tenant_id, conversation_id, values, grows=False)


def _changed(
    connection: Connection, tenant_id: str, conversation_id: str, values: dict[str, object], *, grows: bool
) -> Row[Any]:
    statement = _changing(tuple(values), grows=grows)
    given = {f"new_{name}": value for name, value in values.items()}
    row = connection.execute(statement, {"one": conversation_id, "tenant": tenant_id, **given}).one_or_none()
    if row is None:
        row_of(connection, tenant_id, conversation_id)
        raise ConversationClosed(
            f"conversation {conversation_id} is wrapped up", hint="Open a new conversation."
        )
    return row


@cache
def _changing(names: tuple[str, ...], *, grows: bool) -> ReturningUpdate[Any]:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    if grows:
        values["revision"] = conversations.c.revision + 1
    return (
        update(conversations)
        .where(*_ONE, conversations.c.status == ConversationStatus.OPEN)
        .values(values)
        .returning(*FIELDS)
    )


def claim_revision(
    connection: Connection, tenant_id: str, conversation_id: str, revision: int, last_event: int
) -> bool:
    """False when a later revision is kept already."""
    given = {"one": conversation_id, "tenant": tenant_id, "of_revision": revision, "last_event": last_event}
    return connection.execute(_CLAIM, given).rowcount > 0


def save_snapshot(connection: Connection, snapshot: ConversationSnapshot) -> None:
    conversation = snapshot.conversation
    key = {"conversation_id": conversation.id, "revision": conversation.revision}
    body = snapshot.model_dump_json(exclude={"conversation", "drafts"})
    connection.execute(_SAVE_SNAPSHOT, {**key, "snapshot": body})
    if snapshot.summary is not None:
        _save_summary(connection, conversation.id, snapshot.summary)


def _save_summary(connection: Connection, conversation_id: str, summary: Summary) -> None:
    connection.execute(
        _SAVE_SUMMARY,
        {
            "conversation_id": conversation_id,
            "revision": summary.revision,
            "summary": summary.model_dump_json(),
        },
    )


def save_events(connection: Connection, shown: Sequence[AssistEvent], tenant_id: str) -> None:
    if not shown:
        return
    connection.execute(
        _ADD_EVENTS,
        [
            {
                "conversation_id": event.conversation_id,
                "id": event.id,
                "revision": event.revision,
                "type": event.type,
                "event": event.model_dump_json(),
            }
            for event in shown
        ],
    )
    completed = [event.data for event in shown if isinstance(event, SuggestionCompletedEvent)]
    if completed:
        connection.execute(
            _ADD_SUGGESTIONS,
            [
                {
                    "id": suggestion.id,
                    "tenant_id": tenant_id,
                    "conversation_id": suggestion.conversation_id,
                    "revision": suggestion.revision,
                    "suggestion": suggestion.model_dump_json(),
                }
                for suggestion in completed
            ],
        )


def unknown(conversation_id: str) -> NotFound:
    return NotFound(
        f"there is no conversation {conversation_id!r}", hint="Open one with POST /v1/conversations."
    )
