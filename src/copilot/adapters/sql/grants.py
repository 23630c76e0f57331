"""What the role that the server works as may do on PostgreSQL: nothing that its work does not need."""

from sqlalchemy import Connection, text

from copilot.adapters.sql import schema

_LEDGER = "ledger"
_INDEX_SCHEMA = "copilot_index"


def grant(connection: Connection, role: str) -> None:
    """Reading and writing of rows; of the ledger only appending. The words are reached by functions alone.

    The vectors' schema becomes the role's own: they are derived, and it makes their tables.
    """
    name = connection.dialect.identifier_preparer.quote(role)
    tables = ", ".join(sorted(table for table in schema.metadata.tables if table != _LEDGER))
    for statement in (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {name}",
        f"GRANT SELECT, INSERT ON {_LEDGER} TO {name}",
        f"GRANT SELECT ON alembic_version TO {name}",
        f"CREATE SCHEMA IF NOT EXISTS {_INDEX_SCHEMA} AUTHORIZATION {name}",
    ):
        connection.execute(text(statement))
