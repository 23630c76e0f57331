"""The keys that private fields of the ledger are sealed with: destroy one, and its seals say nothing more."""

import secrets

from sqlalchemy import Column, Connection, LargeBinary, Table, Text, insert, select

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.conversation_tables import conversations
from copilot.adapters.sql.database import metadata
from copilot.domain.actions import LedgerRecord

_BYTES = 32

ledger_keys = Table(
    "ledger_keys",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("owner_id", Text, primary_key=True),  # a conversation, or what a record without one is about
    Column("key", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)


def key_for(connection: Connection, tenant_id: str, record: LedgerRecord) -> bytes:
    """The key of the record's owner, made when there is none; the caller holds the ledger's lock.

    For a conversation that is not there (any more) it is one that nobody keeps.
    """
    owner = record.conversation_id or record.subject_id
    kept = select(ledger_keys.c.key).where(
        ledger_keys.c.tenant_id == tenant_id, ledger_keys.c.owner_id == owner
    )
    if (found := connection.scalar(kept)) is not None:
        return bytes(found)
    made = secrets.token_bytes(_BYTES)
    there = select(conversations.c.id).where(
        conversations.c.tenant_id == tenant_id, conversations.c.id == record.conversation_id
    )
    if record.conversation_id is None or connection.scalar(there) is not None:
        connection.execute(
            insert(ledger_keys).values(tenant_id=tenant_id, owner_id=owner, key=made, created_at=record.at)
        )
    return made
