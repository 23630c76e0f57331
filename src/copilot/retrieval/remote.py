"""Makes the knowledge equal to a remote source, remembering what it gave: only that may go again."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import Field

from copilot import __version__
from copilot.domain.ingest import IngestProgress, IngestReport
from copilot.domain.knowledge import Validators
from copilot.domain.value import Value
from copilot.ports import ConditionalSource, DocumentSource, KnowledgeStore, RemoteSource
from copilot.retrieval.chunking import CHUNKING_VERSION
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.injection import INJECTION_VERSION

_MADE_BY = f"{__version__}/{CHUNKING_VERSION}/{INJECTION_VERSION}"
"""What reads pages; when it changes, each is fetched again, changed or not."""

OnProgress = Callable[[IngestProgress], None]
Key = tuple[str, str]


class Spooled(DocumentSource, Protocol):
    """A remote source that was read to its end."""

    documents: dict[Key, str]
    owned: Mapping[Key, str]


Spool = Callable[[RemoteSource, Callable[[int, int], None]], Spooled]
"""Reads all of a source into a file. Blocking; hears how many of how many are read."""


class _Memory(Value):
    """What a source gave in earlier runs: (external id, version, source) of its documents."""

    documents: tuple[tuple[str, str, str], ...] = ()
    validators: dict[str, Validators] = Field(default_factory=dict)


class RemoteIngest:
    """`fetch`, which takes long and changes nothing, then `store`."""

    def __init__(self, store: KnowledgeStore, spool: Spool) -> None:
        self._store = store
        self._spool = spool

    async def ingest(
        self,
        tenant_id: str,
        source: RemoteSource,
        ingestor: Ingestor,
        *,
        on_fetched: OnProgress = lambda _: None,
        on_progress: OnProgress | None = None,
    ) -> IngestReport:
        """As `Ingestor.ingest`. Nothing is removed unless all of the source was seen."""
        spooled = await self.fetch(tenant_id, source, on_fetched)
        try:
            return await self.store(tenant_id, source, spooled, ingestor, on_progress)
        finally:
            spooled.close()

    async def fetch(
        self, tenant_id: str, source: RemoteSource, on_fetched: OnProgress = lambda _: None
    ) -> Spooled:
        """Everything the source has, to be closed by the caller. Stops soon when cancelled."""
        memory = await self._memory(tenant_id, source.name)
        if isinstance(source, ConditionalSource):
            # What was deleted here meanwhile has to be fetched again, though it has not changed there.
            stored = set((await self._store.sources(tenant_id)).values())
            source.remember({url: known for url, known in memory.validators.items() if url in stored})

        def heard(done: int, total: int) -> None:
            loop.call_soon_threadsafe(on_fetched, IngestProgress(done=done, total=total))

        loop = asyncio.get_running_loop()
        reading = asyncio.ensure_future(asyncio.to_thread(self._spool, source, heard))
        try:
            spooled = await asyncio.shield(reading)
        except asyncio.CancelledError:
            source.close()
            reading.add_done_callback(_close_result)
            raise
        spooled.owned = {
            (one, version): place for one, version, place in memory.documents
        } | spooled.documents
        return spooled

    async def store(
        self,
        tenant_id: str,
        source: RemoteSource,
        spooled: Spooled,
        ingestor: Ingestor,
        on_progress: OnProgress | None = None,
    ) -> IngestReport:
        # Remembered before anything of it is stored: a crash may leave too much here, never too little.
        before = await self._memory(tenant_id, source.name)
        await self._remember(tenant_id, source.name, spooled.owned, before.validators)
        report = await ingestor.ingest(tenant_id, spooled, on_progress)
        stored = await self._store.sources(tenant_id)
        kept = {key: place for key, place in spooled.owned.items() if stored.get(key) == place}
        validators = source.validators if isinstance(source, ConditionalSource) else {}
        await self._remember(tenant_id, source.name, kept, validators)
        return report

    async def _memory(self, tenant_id: str, name: str) -> _Memory:
        found = await self._store.get_artifact(tenant_id, _artifact(name))
        if found is None:
            return _Memory()
        made_by, content = found
        memory = _Memory.model_validate_json(content)
        return memory if made_by == _MADE_BY else memory.model_copy(update={"validators": {}})

    async def _remember(
        self, tenant_id: str, name: str, documents: Mapping[Key, str], validators: Mapping[str, Validators]
    ) -> None:
        memory = {
            "documents": [[*key, place] for key, place in documents.items()],
            "validators": {url: known.model_dump() for url, known in validators.items()},
        }
        await self._store.put_artifact(
            tenant_id, _artifact(name), _MADE_BY, json.dumps(memory, ensure_ascii=False).encode()
        )


def _artifact(name: str) -> str:
    return f"source:{name}"


def _close_result(reading: "asyncio.Future[Spooled]") -> None:
    """The thread may end after whoever waited for it has gone."""
    if not reading.cancelled() and reading.exception() is None:
        reading.result().close()
