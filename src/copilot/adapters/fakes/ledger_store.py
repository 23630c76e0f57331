"""A ledger in memory."""

import secrets
from collections import defaultdict
from collections.abc import AsyncIterator

from copilot.domain.actions import LedgerEntry, LedgerHead, LedgerRecord
from copilot.domain.ledger import head_of, next_entry, sealed


class FakeLedgerStore:
    """`chains` and `keys` (by tenant and owner) are open to tests that tamper with them."""

    def __init__(self) -> None:
        self.chains: dict[str, list[LedgerEntry]] = defaultdict(list)
        self.keys: dict[tuple[str, str], bytes] = defaultdict(lambda: secrets.token_bytes(32))
        self._heads: dict[str, LedgerHead] = {}

    async def append(self, tenant_id: str, record: LedgerRecord, *, durable: bool = True) -> LedgerEntry:
        del durable
        return self.append_now(tenant_id, record)

    def append_now(self, tenant_id: str, record: LedgerRecord) -> LedgerEntry:
        owner = record.conversation_id or record.subject_id
        record = sealed(record, self.keys[tenant_id, owner])
        entry = next_entry(self._heads.get(tenant_id), tenant_id, record)
        self.chains[tenant_id].append(entry)
        self._heads[tenant_id] = head_of(entry)
        return entry

    async def entries(self, tenant_id: str) -> AsyncIterator[LedgerEntry]:
        for entry in tuple(self.chains[tenant_id]):
            yield entry

    async def page(
        self, tenant_id: str, *, before: int | None = None, limit: int = 50, subject_id: str | None = None
    ) -> list[LedgerEntry]:
        found = [
            entry
            for entry in reversed(self.chains[tenant_id])
            if (before is None or entry.sequence < before) and subject_id in {None, entry.subject_id}
        ]
        return found[:limit]

    async def head(self, tenant_id: str) -> LedgerHead | None:
        return self._heads.get(tenant_id)
