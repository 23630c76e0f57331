"""What outside helpdesks have told and are to be told, with its row-level security on PostgreSQL."""

from alembic import op

revision = "0004"
down_revision = "0003"

_NAMES = ("helpdesk_conversations", "helpdesk_deliveries", "helpdesk_notes")
# IF NOT EXISTS: SQLite stores from before there were revisions may have them.
_TABLES = """
CREATE TABLE IF NOT EXISTS helpdesk_conversations (tenant_id TEXT NOT NULL, external_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL, linked_at TEXT NOT NULL, PRIMARY KEY (tenant_id, external_id));
CREATE TABLE IF NOT EXISTS helpdesk_deliveries (tenant_id TEXT NOT NULL, integration TEXT NOT NULL,
    event_id TEXT NOT NULL, external_id TEXT NOT NULL, position FLOAT NOT NULL, status TEXT NOT NULL,
    received_at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tenant_id, integration, event_id));
CREATE INDEX IF NOT EXISTS helpdesk_deliveries_by_status ON helpdesk_deliveries (status, received_at);
CREATE INDEX IF NOT EXISTS helpdesk_deliveries_by_conversation ON helpdesk_deliveries
    (tenant_id, external_id);
CREATE TABLE IF NOT EXISTS helpdesk_notes (id TEXT NOT NULL, tenant_id TEXT NOT NULL, integration TEXT NOT
    NULL, external_id TEXT NOT NULL, turn_id TEXT NOT NULL, status TEXT NOT NULL, due_at TEXT NOT NULL,
    created_at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (tenant_id, turn_id));
CREATE INDEX IF NOT EXISTS helpdesk_notes_by_status ON helpdesk_notes (status, due_at);
CREATE INDEX IF NOT EXISTS helpdesk_notes_by_conversation ON helpdesk_notes (tenant_id, external_id);
"""
_OF_TENANT = "current_setting('copilot.tenant', true)"
_POLICIES = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY of_its_tenant ON {table} USING (tenant_id = {tenant} OR {tenant} = '*');
"""


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        for statement in _statements(_TABLES):
            bind.exec_driver_sql(statement)
        return
    for statement in _statements(_TABLES):
        # Ids and times are compared byte by byte, whatever language the database speaks.
        bind.exec_driver_sql(statement.replace(" TEXT", ' TEXT COLLATE "C"'))
    for table in _NAMES:
        for statement in _statements(_POLICIES.format(table=table, tenant=_OF_TENANT)):
            bind.exec_driver_sql(statement)


def downgrade() -> None:
    for table in reversed(_NAMES):
        op.get_bind().exec_driver_sql(f"DROP TABLE {table}")


def _statements(script: str) -> list[str]:
    return [statement for statement in script.split(";\n") if statement.strip()]
