"""Connections to PostgreSQL: how they are opened, and how their transactions begin."""

from typing import Any

from psycopg.types.string import StrDumper
from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from copilot.adapters.sql.tenant_scope import tenant_of_task

_SETTINGS = {
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}
_CONNECT_SECONDS = 10
READ = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITE = "ISOLATION LEVEL READ COMMITTED"


def readable_text(value: str) -> str:
    """PostgreSQL's texts hold no NUL; one in what somebody wrote becomes the sign for what cannot be read."""
    return value.replace("\0", "\ufffd")


class _Text(StrDumper):
    def dump(self, obj: str) -> bytes:
        return bytes(super().dump(readable_text(obj)) or b"")


def make_engine(url: URL, size: int) -> AsyncEngine:
    """Its connections begin no transaction by themselves: `begin_statement` does."""
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=size,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        connect_args={
            "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "copilot",
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _adapt(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
        connection.driver_connection.adapters.register_dumper(str, _Text)

    return engine


def begin_statement(mode: str, *, durable: bool = False) -> str:
    """One round trip: the transaction, its tenant, and for money that the disk is waited for."""
    tenant = tenant_of_task().replace("'", "''").replace("%", "%%")
    commit = "; SET LOCAL synchronous_commit = on" if durable else ""
    return f"BEGIN {mode}; SET LOCAL copilot.tenant = '{tenant}'{commit}"
