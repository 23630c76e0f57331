"""When API keys expire, and who is signed in to the console."""

from alembic import op
from sqlalchemy import inspect

revision = "0005"
down_revision = "0004"

# IF NOT EXISTS: SQLite stores from before there were revisions may have them.
_TABLE = """
CREATE TABLE IF NOT EXISTS console_sessions (id TEXT NOT NULL, tenant_id TEXT NOT NULL, principal_id TEXT NOT
    NULL, name TEXT NOT NULL, role TEXT NOT NULL, key_prefix TEXT, signed_in_at TEXT NOT NULL, seen_at TEXT
    NOT NULL, ends_at TEXT NOT NULL, notices TEXT NOT NULL, PRIMARY KEY (id));
CREATE INDEX IF NOT EXISTS ix_console_sessions_tenant_id ON console_sessions (tenant_id);
"""
_OF_TENANT = "current_setting('copilot.tenant', true)"
_POLICIES = f"""
ALTER TABLE console_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE console_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY of_its_tenant ON console_sessions USING (tenant_id = {_OF_TENANT} OR {_OF_TENANT} = '*');
"""


def upgrade() -> None:
    bind = op.get_bind()
    postgres = bind.dialect.name == "postgresql"
    # On PostgreSQL ids and times are compared byte by byte, whatever language the database speaks.
    text = ' TEXT COLLATE "C"' if postgres else " TEXT"
    if "expires_at" not in {column["name"] for column in inspect(bind).get_columns("api_keys")}:
        bind.exec_driver_sql(f"ALTER TABLE api_keys ADD COLUMN expires_at{text}")
    for statement in _statements(_TABLE + (_POLICIES if postgres else "")):
        bind.exec_driver_sql(statement.replace(" TEXT", text))


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP TABLE console_sessions")
    op.get_bind().exec_driver_sql("ALTER TABLE api_keys DROP COLUMN expires_at")


def _statements(script: str) -> list[str]:
    return [statement for statement in script.split(";\n") if statement.strip()]
