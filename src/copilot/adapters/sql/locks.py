"""Locks that hold until a transaction ends, for what is read before it is written."""

import hashlib

from sqlalchemy import Connection, text

_TAKE = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")


def hold(connection: Connection, *names: str) -> None:
    """Waits until nobody else holds one of the names. On SQLite writers are alone: nothing to wait for.

    Call it before the first read of what it guards: a statement sees what was committed when it began.
    """
    if connection.dialect.name == "postgresql":
        # In one order, so that two who want the same names never wait for each other.
        connection.execute(_TAKE, {"keys": sorted({_key(name) for name in names})})


def ledger_lock(tenant_id: str) -> str:
    """The name of the lock that whoever lengthens the tenant's chain has."""
    return f"ledger {tenant_id}"


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
