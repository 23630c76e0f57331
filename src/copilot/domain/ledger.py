"""The hash chain that makes the ledger tamper-evident, and the keyed hashes that stand for people's words."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

from copilot.domain.actions import LedgerEntry, LedgerHead, LedgerRecord, canonical_json

GENESIS = "0" * 64
"""What the first entry of a chain names as the hash before it."""

_ONCE_OPEN = {
    "edit": ("text", "reason"),
    "proposal": ("preview",),
    "receipt": ("error",),
    "knowledge.released": ("reason", "before"),
    "knowledge.quarantined": ("reason", "before"),
}
"""Where entries from before fields were sealed hold text, by kind."""
ONCE_OPEN_KINDS = frozenset(_ONCE_OPEN)


def sealed(record: LedgerRecord, key: bytes) -> LedgerRecord:
    """`record` with its private fields as `seal` leaves them; None stays None."""
    hidden = {name: None if value is None else seal(value, key) for name, value in record.private.items()}
    return record.model_copy(update={"body": record.body | hidden, "private": {}})


def seal(value: Any, key: bytes) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """HMAC-SHA-256 of the value's canonical JSON, with the length of a text in characters.

    Under one key equal values have equal seals; without the key a seal says nothing of what it was made from.
    """
    code = {"hmac": hmac.new(key, canonical_json(value), hashlib.sha256).hexdigest()}
    return code | {"characters": len(value)} if isinstance(value, str) else code


def open_texts(entry: LedgerEntry) -> tuple[str, ...]:
    """Names of the fields in which an old entry holds text as it was written, masked or not."""
    return tuple(
        name
        for name in _ONCE_OPEN.get(entry.kind, ())
        if isinstance(entry.body.get(name), str) and entry.body[name]
    )


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
