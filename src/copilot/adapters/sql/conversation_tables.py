"""Tables of conversations and of what was shown while they ran."""

from sqlalchemy import DDL, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, event

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import metadata

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("customer_id", Text),
    Column("representative_id", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("reserved_event_id", Integer, nullable=False, server_default="0"),
    Column("saved_event_id", Integer, nullable=False, server_default="0"),
    Column("saved_revision", Integer, nullable=False, server_default="0"),
    Column("wrap_up", Text),
    Index("conversations_by_status", "tenant_id", "status", "id"),
    Index("conversations_by_customer", "tenant_id", "customer_id", "id"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("speaker", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("conversation_id", "sequence"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversations.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("snapshot", Text, nullable=False),  # JSON, without the conversation itself
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversations.id"), primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("event", Text, nullable=False),  # JSON
    sqlite_with_rowid=False,
)

suggestions = Table(
    "suggestions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("conversation_id", Text, ForeignKey("conversations.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("suggestion", Text, nullable=False),  # JSON
)

feedback = Table(
    "feedback",
    metadata,
    Column("suggestion_id", Text, ForeignKey("suggestions.id"), primary_key=True),
    Column("principal_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("final_text", Text),
    Column("reason", Text),
    Column("created_at", UtcDateTime, nullable=False),
)

summaries = Table(
    "summaries",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversations.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("summary", Text, nullable=False),  # JSON
    sqlite_with_rowid=False,
)

citations = Table(
    "citations",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id"), primary_key=True),
    Column("suggestion_id", Text, primary_key=True),  # "" for a card
    sqlite_with_rowid=False,
)
"""Where each document was shown: names only, what was said stands in suggestions and revisions."""
citations.add_is_dependent_on(suggestions)
citations.add_is_dependent_on(events)

_BY_SUGGESTION = (
    "INSERT OR IGNORE INTO citations SELECT DISTINCT {0}.tenant_id, json_extract(c.value, '$.external_id'), "
    "json_extract(c.value, '$.version'), {0}.conversation_id, {0}.id FROM {1} "
    "json_each({0}.suggestion, '$.sentences') AS s, json_each(s.value, '$.citations') AS c"
)
_BY_CARDS = (
    "INSERT OR IGNORE INTO citations SELECT DISTINCT v.tenant_id, "
    "json_extract(c.value, '$.citation.external_id'), json_extract(c.value, '$.citation.version'), "
    "{0}.conversation_id, '' FROM {1} json_each({0}.event, '$.data.cards') AS c "
    "JOIN conversations AS v ON v.id = {0}.conversation_id"
)
# The database keeps them itself, so no writer can forget to; what was shown before is read once.
for _statement in (
    (
        "CREATE TRIGGER citations_of_suggestion AFTER INSERT ON suggestions BEGIN "
        f"{_BY_SUGGESTION.format('new', '')}; END"
    ),
    (
        "CREATE TRIGGER citations_of_cards AFTER INSERT ON events WHEN new.type = 'knowledge' BEGIN "
        f"{_BY_CARDS.format('new', '')}; END"
    ),
    _BY_SUGGESTION.format("g", "suggestions AS g,"),
    f"{_BY_CARDS.format('e', 'events AS e,')} WHERE e.type = 'knowledge'",
):
    event.listen(citations, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("conversation_id", Text, ForeignKey("conversations.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("alert", Text, nullable=False),  # JSON
    UniqueConstraint("conversation_id", "reason"),
    Index("alerts_by_tenant", "tenant_id", "id"),
)
