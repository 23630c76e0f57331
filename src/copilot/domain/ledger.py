"""The hash chain that makes the ledger tamper-evident."""

import hashlib
from datetime import UTC, datetime

from copilot.domain.actions import LedgerEntry, LedgerHead, LedgerRecord, canonical_json

GENESIS = "0" * 64
"""What the first entry of a chain names as the hash before it."""


def next_entry(head: LedgerHead | None, tenant_id: str, record: LedgerRecord) -> LedgerEntry:
    """`record` as the link that follows `head` (None: the first)."""
    entry = LedgerEntry(
        sequence=head.sequence + 1 if head else 1,
        tenant_id=tenant_id,
        kind=record.kind,
        subject_id=record.subject_id,
        body=record.body,
        created_at=record.at,
        previous_hash=head.hash if head else GENESIS,
        hash="",
    )
    return entry.model_copy(update={"hash": entry_hash(entry)})


def entry_hash(entry: LedgerEntry) -> str:
    """SHA-256 over every field but the hash itself."""
    return hashlib.sha256(
        canonical_json(
            {
                "sequence": entry.sequence,
                "tenant": entry.tenant_id,
                "kind": entry.kind,
                "subject": entry.subject_id,
                "body": entry.body,
                "created_at": ledger_time(entry.created_at),
                "previous": entry.previous_hash,
            }
        )
    ).hexdigest()


def ledger_time(at: datetime) -> str:
    """The one way in which the ledger writes a moment."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def head_of(entry: LedgerEntry) -> LedgerHead:
    return LedgerHead(sequence=entry.sequence, hash=entry.hash)
