"""What erasure needs: keys of the ledger's private fields, and which address a remembered answer was for."""

from alembic import op
from sqlalchemy import inspect

revision = "0007"
down_revision = "0006"

_NAMES = ("ledger_keys", "leases", "privacy_requests")
# IF NOT EXISTS: SQLite stores from before there were revisions may have them.
_TABLES = """
CREATE TABLE IF NOT EXISTS ledger_keys (tenant_id TEXT NOT NULL, owner_id TEXT NOT NULL, "key" BLOB NOT NULL,
    created_at TEXT NOT NULL, PRIMARY KEY (tenant_id, owner_id));
CREATE TABLE IF NOT EXISTS leases (tenant_id TEXT NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL,
    until TEXT NOT NULL, PRIMARY KEY (tenant_id, name));
CREATE TABLE IF NOT EXISTS privacy_requests (id TEXT NOT NULL, tenant_id TEXT NOT NULL, kind TEXT NOT NULL,
    status TEXT NOT NULL, customer_id TEXT NOT NULL, proposed_at TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (id));
CREATE INDEX IF NOT EXISTS privacy_requests_by_tenant ON privacy_requests (tenant_id, id);
CREATE INDEX IF NOT EXISTS privacy_requests_by_customer ON privacy_requests (customer_id);
"""
_OF_TENANT = "current_setting('copilot.tenant', true)"
_POLICIES = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY of_its_tenant ON {table} USING (tenant_id = {tenant} OR {tenant} = '*');
"""
_COLUMNS = 'tenant_id, "key", fingerprint, begun_at, status, body'
# Made anew, since SQLite adds a column behind the table's constraints only.
_WITH_PATH = f"""
CREATE TABLE requests_with_path (tenant_id TEXT NOT NULL, "key" TEXT NOT NULL, fingerprint TEXT NOT NULL,
    path TEXT, begun_at TEXT NOT NULL, status INTEGER, body BLOB, PRIMARY KEY (tenant_id, "key"));
INSERT INTO requests_with_path ({_COLUMNS}) SELECT {_COLUMNS} FROM idempotent_requests;
DROP TABLE idempotent_requests;
ALTER TABLE requests_with_path RENAME TO idempotent_requests;
CREATE INDEX idempotent_requests_by_age ON idempotent_requests (begun_at);
"""


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        known = {column["name"] for column in inspect(bind).get_columns("idempotent_requests")}
        _run(_TABLES if "path" in known else _TABLES + _WITH_PATH)
        return
    # Ids and times are compared byte by byte, whatever language the database speaks.
    _run(_TABLES.replace(" TEXT", ' TEXT COLLATE "C"').replace(" BLOB", " BYTEA"))
    for table in _NAMES:
        _run(_POLICIES.format(table=table, tenant=_OF_TENANT))
    _run('ALTER TABLE idempotent_requests ADD COLUMN path TEXT COLLATE "C"')


def downgrade() -> None:
    _run("ALTER TABLE idempotent_requests DROP COLUMN path")
    for table in reversed(_NAMES):
        _run(f"DROP TABLE {table}")


def _run(script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
