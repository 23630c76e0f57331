"""Checking the ledger: is every entry as it was written, and is none missing?"""

from collections.abc import Iterable

from copilot.domain.actions import LedgerEntry, LedgerHead
from copilot.domain.errors import LedgerUnreadable
from copilot.domain.ledger import GENESIS, entry_hash, head_of
from copilot.domain.value import Value
from copilot.ports import LedgerStore


class VerifiedLedger(Value):
    """The whole chain holds."""

    entries: int
    head: LedgerHead | None


class BrokenLedger(Value):
    """The chain holds up to the entry before `sequence`."""

    sequence: int
    reason: str


class _Chain:
    def __init__(self) -> None:
        self.head: LedgerHead | None = None

    @property
    def due(self) -> int:
        return self.head.sequence + 1 if self.head else 1

    def problem_with(self, entry: LedgerEntry) -> BrokenLedger | None:
        """None when `entry` is the next link; then it is the head."""
        if entry.sequence != self.due:
            return BrokenLedger(
                sequence=self.due, reason=f"entry {self.due} is missing; entry {entry.sequence} stands there"
            )
        if entry.previous_hash != (self.head.hash if self.head else GENESIS):
            return BrokenLedger(sequence=entry.sequence, reason="it does not follow the entry before it")
        if entry.hash != entry_hash(entry):
            return BrokenLedger(sequence=entry.sequence, reason="its content is not what was hashed")
        self.head = head_of(entry)
        return None

    def result(self, head: LedgerHead | None) -> VerifiedLedger | BrokenLedger:
        if head != self.head:
            return BrokenLedger(
                sequence=self.due,
                reason="the chain does not end where the head kept apart from it says: entries are missing, "
                "or the head was changed",
            )
        return VerifiedLedger(entries=self.due - 1, head=self.head)


def verify(entries: Iterable[LedgerEntry], head: LedgerHead | None) -> VerifiedLedger | BrokenLedger:
    """Whether `entries` are one unbroken chain that ends at `head`."""
    chain = _Chain()
    for entry in entries:
        if broken := chain.problem_with(entry):
            return broken
    return chain.result(head)


async def verify_ledger(store: LedgerStore, tenant_id: str) -> VerifiedLedger | BrokenLedger:
    """The same over a store, one entry in memory at a time."""
    chain = _Chain()
    try:
        async for entry in store.entries(tenant_id):
            if broken := chain.problem_with(entry):
                return broken
        return chain.result(await store.head(tenant_id))
    except LedgerUnreadable as error:
        return BrokenLedger(sequence=error.sequence, reason=error.message)
