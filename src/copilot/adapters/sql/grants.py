"""What the role that the server works as may do on PostgreSQL: nothing that its work does not need."""

from sqlalchemy import Connection, text

from copilot.adapters.sql import schema

_APPENDED = ("ledger", "data_reads")
_VERSION = "alembic_version"
_INDEX_SCHEMA = "copilot_index"
_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_WITHHELD = """
SELECT DISTINCT found.relname
FROM unnest(CAST(:tables AS text[]), CAST(:privileges AS text[])) AS needed (name, privilege)
JOIN pg_class AS found ON found.relname = needed.name AND pg_table_is_visible(found.oid)
WHERE NOT has_table_privilege(found.oid, needed.privilege)
ORDER BY 1
"""


def grant(connection: Connection, role: str) -> None:
    """Reading and writing of rows; of the ledger and the audit of reads only appending.

    The words are reached by functions alone. The vectors' schema becomes the role's own: they are derived,
    and it makes their tables.
    """
    name = connection.dialect.identifier_preparer.quote(role)
    for table, privileges in _needs().items():
        connection.execute(text(f"GRANT {', '.join(privileges)} ON {table} TO {name}"))
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {_INDEX_SCHEMA} AUTHORIZATION {name}"))


def withheld(connection: Connection) -> list[str]:
    """The tables, of those there are, that the connection's role may not use as its work needs."""
    needed = [(table, privilege) for table, privileges in _needs().items() for privilege in privileges]
    tables, privileges = map(list, zip(*needed, strict=True))
    return list(connection.scalars(text(_WITHHELD), {"tables": tables, "privileges": privileges}))


def _needs() -> dict[str, tuple[str, ...]]:
    return {
        **dict.fromkeys(sorted(schema.metadata.tables), _ROWS),
        **dict.fromkeys(_APPENDED, _ROWS[:2]),
        _VERSION: _ROWS[:1],
    }
