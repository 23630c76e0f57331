"""Who has read what of customers, by ids."""

from alembic import op

revision = "0006"
down_revision = "0005"

# IF NOT EXISTS: SQLite stores from before there were revisions may have it.
_TABLE = """
CREATE TABLE IF NOT EXISTS data_reads (id TEXT NOT NULL, tenant_id TEXT NOT NULL, actor_id TEXT NOT NULL,
    role TEXT NOT NULL, channel TEXT NOT NULL, data TEXT NOT NULL, route TEXT NOT NULL, conversation_id TEXT,
    subject_id TEXT, request_id TEXT, at TEXT NOT NULL, PRIMARY KEY (id));
CREATE INDEX IF NOT EXISTS data_reads_by_time ON data_reads (tenant_id, at, id);
CREATE INDEX IF NOT EXISTS data_reads_by_conversation ON data_reads (tenant_id, conversation_id, at);
CREATE INDEX IF NOT EXISTS data_reads_by_actor ON data_reads (tenant_id, actor_id, at);
"""
_OF_TENANT = "current_setting('copilot.tenant', true)"
_POLICIES = f"""
ALTER TABLE data_reads ENABLE ROW LEVEL SECURITY;
ALTER TABLE data_reads FORCE ROW LEVEL SECURITY;
CREATE POLICY of_its_tenant ON data_reads USING (tenant_id = {_OF_TENANT} OR {_OF_TENANT} = '*');
"""


def upgrade() -> None:
    bind = op.get_bind()
    postgres = bind.dialect.name == "postgresql"
    # On PostgreSQL ids and times are compared byte by byte, whatever language the database speaks.
    text = ' TEXT COLLATE "C"' if postgres else " TEXT"
    for statement in (_TABLE + (_POLICIES if postgres else "")).split(";\n"):
        if statement.strip():
            bind.exec_driver_sql(statement.replace(" TEXT", text))


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP TABLE data_reads")
