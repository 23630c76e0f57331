"""Reads all that searches of a tenant may ask for, before they do: by the hundred each takes less time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from copilot.adapters.sql import kept_passages
from copilot.adapters.sql.kept_passages import KeptPassages
from copilot.adapters.sql.knowledge_rows import read_passage_ids
from copilot.adapters.sql.readers import Readers
from copilot.domain.errors import CopilotError

ASKED = 30
"""So many searches have read since the last write: whoever loads knowledge writes more often."""
_TOGETHER = 500

Read = Callable[[Sequence[str]], Awaitable[object]]


@dataclass
class _Asked:
    generation: int
    times: int = 0
    is_read: bool = False


class ReadAhead:
    """For one event loop: one tenant after the other, and only if all of its passages can be kept."""

    def __init__(self, readers: Readers, kept: KeptPassages) -> None:
        self._readers = readers
        self._kept = kept
        self._asked: dict[str, _Asked] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, tenant_id: str, read: Read) -> None:
        """A search of the tenant had to read; `read` reads these passages and keeps them."""
        generation = self._kept.generation(tenant_id)
        asked = self._asked.get(tenant_id)
        if asked is None or asked.generation != generation:
            asked = self._asked[tenant_id] = _Asked(generation)
        asked.times += 1
        is_idle = self._task is None or self._task.done()
        if is_idle and asked.times >= ASKED and not asked.is_read:
            asked.is_read = True
            self._task = asyncio.create_task(self._read_all(tenant_id, generation, read))

    async def close(self) -> None:
        """Ends what is being read."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read_all(self, tenant_id: str, generation: int, read: Read) -> None:
        most = min(kept_passages.FACTS, kept_passages.VECTORS)
        try:
            names = await self._readers.read(
                lambda connection: read_passage_ids(connection, tenant_id, most + 1)
            )
            for start in range(0, len(names) if len(names) <= most else 0, _TOGETHER):
                if self._kept.generation(tenant_id) != generation:
                    return
                await read(names[start : start + _TOGETHER])
        except CopilotError:
            pass  # whoever asks for a passage hears of it
