"""Row-level security on PostgreSQL: a transaction sees the rows of its tenant, whatever its statements ask.

`copilot.tenant` names the tenant; `*` is for what works for all of them (recovery, signing in); without it
there are no rows. Forced, so it holds for the owner of the tables too; superusers pass it by.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

_BY_TENANT = (
    "actions",
    "alerts",
    "api_keys",
    "artifacts",
    "citations",
    "conversations",
    "document_facets",
    "documents",
    "feedback",
    "feedback_outcomes",
    "file_stamps",
    "gap_clusters",
    "gap_members",
    "idempotent_requests",
    "ingest_jobs",
    "knowledge_gaps",
    "ledger",
    "ledger_heads",
    "model_usage",
    "money_counters",
    "money_reservations",
    "passages",
    "quarantine_decisions",
    "suggestions",
    "verification_attempts",
)
# What has no tenant of its own goes with the row that it belongs to, whose own policy holds there.
_BY_PARENT = {
    "turns": ("conversations", "conversation_id"),
    "revisions": ("conversations", "conversation_id"),
    "events": ("conversations", "conversation_id"),
    "summaries": ("conversations", "conversation_id"),
    "ingest_job_files": ("ingest_jobs", "job_id"),
}


def upgrade() -> None:
    for table in _BY_TENANT:
        of_tenant = "current_setting('copilot.tenant', true)"
        _protect(table, f"tenant_id = {of_tenant} OR {of_tenant} = '*'")
    for table, (parent, column) in _BY_PARENT.items():
        _protect(
            table,
            f"EXISTS (SELECT 1 FROM {parent} AS parent WHERE parent.id = {table}.{column})",
        )


def downgrade() -> None:
    for table in (*_BY_TENANT, *_BY_PARENT):
        _run(f"DROP POLICY of_its_tenant ON {table}")
        _run(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        _run(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def _protect(table: str, condition: str) -> None:
    _run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    _run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    _run(f"CREATE POLICY of_its_tenant ON {table} USING ({condition})")


def _run(statement: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(statement)
