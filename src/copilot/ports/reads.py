"""The audit of reads."""

from collections.abc import Sequence
from typing import Protocol

from copilot.domain.reads import Read, ReadFilter


class ReadStore(Protocol):
    """Append-only."""

    async def append(self, tenant_id: str, reads: Sequence[Read]) -> None:
        """All or none. Names the conversation of an action or suggestion where the read does not."""

    async def list_reads(
        self, tenant_id: str, wanted: ReadFilter, *, after: str | None = None, limit: int = 50
    ) -> list[Read]:
        """Newest first; `after` is the id of the last one seen."""
