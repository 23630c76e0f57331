"""The audit of reads in memory."""

from collections.abc import Sequence

from copilot.domain.reads import Read, ReadFilter


class MemoryReadStore:
    """The ReadStore port for tests; it knows no actions and suggestions. `failure` is raised instead."""

    def __init__(self) -> None:
        self.kept: list[Read] = []
        self.failure: Exception | None = None

    async def append(self, tenant_id: str, reads: Sequence[Read]) -> None:
        if self.failure is not None:
            raise self.failure
        self.kept += [read for read in reads if read.tenant_id == tenant_id]

    async def list_reads(
        self, tenant_id: str, wanted: ReadFilter, *, after: str | None = None, limit: int = 50
    ) -> list[Read]:
        found = [
            read
            for read in sorted(self.kept, key=lambda r: (r.at, r.id), reverse=True)
            if read.tenant_id == tenant_id
            and wanted.conversation_id in {None, read.conversation_id}
            and wanted.actor_id in {None, read.actor_id}
            and (wanted.since is None or read.at >= wanted.since)
            and (wanted.until is None or read.at < wanted.until)
        ]
        ids = [read.id for read in found]
        if after is not None and after not in {read.id for read in self.kept if read.tenant_id == tenant_id}:
            return []
        start = ids.index(after) + 1 if after in ids else 0
        return found[start : start + limit]
