"""The SQL side, which several processes may open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from copilot.adapters.clock import SystemClock
from copilot.adapters.sql.api_key_store import SqlApiKeyStore, given_secret, server_secret
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.database_url import parse
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.opening import knowledge_store, open_database
from copilot.config import Settings


@dataclass(frozen=True)
class State:
    """The SQL side alone: what commands need that neither search nor serve."""

    database: Database
    knowledge: SqlKnowledgeStore
    api_keys: SqlApiKeyStore
    ledger: SqlLedgerStore


def database_address(settings: Settings) -> Path | URL:
    """`ConfigurationError` when the setting names no database."""
    if settings.database_url is None:
        return settings.database_path
    return parse(settings.database_url.get_secret_value(), "COPILOT_DATABASE_URL")


def secret_of(settings: Settings) -> bytes:
    return given_secret(settings.secret_file) if settings.secret_file else server_secret(settings.secret_path)


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[State]:
    """Opens the database; several processes may."""
    clock = SystemClock()
    secret = secret_of(settings)
    database = await open_database(database_address(settings))
    try:
        yield State(
            database=database,
            knowledge=knowledge_store(database),
            api_keys=SqlApiKeyStore(database, secret, clock),
            ledger=SqlLedgerStore(database),
        )
    finally:
        await database.close()
