"""Makes documents searchable: parse, compare, cut, embed what is new, store, index.

SQL is written first and holds the truth; the index follows. A crash between the two leaves the index behind,
which `heal` finds and repairs from SQL. Nothing is embedded twice: vectors are kept by passage content.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from copilot.domain.care import QuarantineDecision
from copilot.domain.errors import Conflict, DependencyUnavailable, IndexDamaged
from copilot.domain.knowledge import INSIDE, KnowledgeDocument, ParsedDocument, Refusal, SourceFile
from copilot.ports import DocumentSource, Embedder, KnowledgeStore, PassageIndex, StampedSource
from copilot.retrieval.chunking import Chunker, embedded_text
from copilot.retrieval.pipeline import BATCH_PASSAGES, Pending, Pipeline, Run
from copilot.retrieval.reports import (
    IngestProgress,
    IngestReport,
    Outcome,
    PutResult,
    document_name,
    identified,
    judged,
    report,
    text_hash,
)

__all__ = [
    "IngestProgress",
    "IngestReport",
    "Ingestor",
    "Outcome",
    "PutResult",
    "document_name",
    "identified",
    "missing",
]

_log = logging.getLogger(__name__)


class Ingestor:
    """`open_folder` makes a source of a folder; everything else is as in the ports.

    So many passages are embedded together: enough to sort by length or to spread, few enough for memory.
    """

    def __init__(
        self,
        *,
        store: KnowledgeStore,
        index: PassageIndex,
        embedder: Embedder,
        chunker: Chunker,
        open_folder: Callable[[Path], DocumentSource],
        batch_passages: int = BATCH_PASSAGES,
    ) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._chunker = chunker
        self._batch_passages = batch_passages
        self._pipeline = Pipeline(
            store=store, index=index, embedder=embedder, chunker=chunker, batch_passages=batch_passages
        )
        self._open_folder = open_folder
        # One writer: two runs at once would each take the other's documents for changed.
        self._lock = asyncio.Lock()
        self._behind: set[str] = set()
        """Tenants whose index may not have all that was stored: it, or the database, went away meanwhile."""

    async def ingest_folder(
        self,
        tenant_id: str,
        folder: Path,
        on_progress: Callable[[IngestProgress], None] | None = None,
    ) -> IngestReport:
        """Makes the knowledge equal to the folder. `NotFound` when there is no such folder."""
        return await self.ingest(tenant_id, self._open_folder(folder), on_progress)

    async def ingest(
        self,
        tenant_id: str,
        source: DocumentSource,
        on_progress: Callable[[IngestProgress], None] | None = None,
    ) -> IngestReport:
        """Adds and changes what the source has, removes what it no longer has; bad files are reported."""
        async with self._writing(tenant_id):
            run = await self._begin(tenant_id)
            if isinstance(source, StampedSource):
                source.recall(run.recalled(await self._store.file_stamps(tenant_id)))
            total, done = await asyncio.to_thread(source.files), 0

            def on_files(count: int) -> None:
                nonlocal done
                done += count
                if on_progress is not None:
                    on_progress(IngestProgress(done=done, total=max(done, total)))

            await self._pipeline.carry(source, run, on_files)
            removed = await self._remove_missing(tenant_id, source, run)
            await self._settle(tenant_id)
            if isinstance(source, StampedSource) and (stamps := run.stamps(source)):
                await self._store.put_file_stamps(tenant_id, stamps)
            return report(run.results, removed, run.refused)

    async def put(self, tenant_id: str, parsed: ParsedDocument) -> PutResult:
        """Adds or replaces one version of one document; unchanged content does nothing."""
        async with self._writing(tenant_id):
            decisions = await self._store.quarantine_decisions(tenant_id)
            run = Run(tenant_id, await self._store.content_hashes(tenant_id), {}, {}, decisions)
            file = SourceFile(source=parsed.source, documents=(parsed,))
            await self._pipeline.put(await asyncio.to_thread(run.take, file, self._chunker), run)
            await self._settle(tenant_id)
        return run.results[0]

    async def decide(
        self, tenant_id: str, external_id: str, version: str, decision: QuarantineDecision
    ) -> KnowledgeDocument:
        """Takes a stored version into search or out of it, now and in every later ingest.

        `NotFound` when there is no such document; `Conflict` when its text is not the one decided on.
        """
        async with self._writing(tenant_id):
            document = await self._store.get_document(tenant_id, external_id, version)
            if decision.text_sha256 != text_hash(document):
                raise Conflict("the document has changed meanwhile.", hint="Look at it again.")
            await self._store.put_quarantine_decision(tenant_id, external_id, version, decision)
            document = judged(document, decision)
            pending = Pending(document, Outcome.CHANGED, await self._store.passages_of(document.id))
            await self._pipeline.put([pending], Run(tenant_id, {}, {}, {}))
        return document

    async def delete(self, tenant_id: str, external_id: str, version: str | None = None) -> int:
        """Deletes one version or all; returns how many passages went. `NotFound` when there is none."""
        async with self._writing(tenant_id):
            gone = await self._store.delete_document(tenant_id, external_id, version)
            await self._index.delete(tenant_id, gone)
        return len(gone)

    async def heal(self, tenant_id: str) -> int:
        """Makes the index hold exactly the store's passages; returns how many had to be repaired.

        Quick when nothing is wrong. Embeds only passages the present model has never seen. An index that is
        damaged is made again; one that is away raises: it is others' too, and has all that it had.
        """
        async with self._lock:
            try:
                present = await self._index.ids(tenant_id)
            except IndexDamaged:
                return await self._rebuild(tenant_id)
            return await self._make_equal(tenant_id, present)

    async def mend(self) -> int:
        """Makes good what an index has missed that was away; call it now and then. How many passages.

        Nothing to do, and nothing asked, unless something failed here. Raises while the index is still away.
        """
        mended = 0
        async with self._lock:
            for tenant_id in sorted(self._behind):
                mended += await self._catch_up(tenant_id)
        return mended

    async def reindex(self, tenant_id: str) -> int:
        """Drops the tenant's index and makes it again from SQL; returns the number of passages."""
        async with self._lock:
            return await self._rebuild(tenant_id)

    @asynccontextmanager
    async def _writing(self, tenant_id: str) -> AsyncIterator[None]:
        """Alone, and with an index that has all of what was stored before.

        Else a document that is sent again after a failure would be called unchanged, and never be found.
        """
        async with self._lock:
            if tenant_id in self._behind:
                await self._catch_up(tenant_id)
            try:
                yield
            except (DependencyUnavailable, IndexDamaged, asyncio.CancelledError):
                self._behind.add(tenant_id)
                raise

    async def _catch_up(self, tenant_id: str) -> int:
        return await self._make_equal(tenant_id, await self._index.ids(tenant_id))

    async def _make_equal(self, tenant_id: str, present: set[str]) -> int:
        """`present` was asked for before SQL is: what another server stores meanwhile is no surplus."""
        wanted = await self._store.passage_ids(tenant_id)
        surplus, lacking = present - wanted, wanted - present
        if surplus:
            await self._index.delete(tenant_id, sorted(surplus))
        if lacking:
            await self._embed_missing(tenant_id)
            await self._fill(tenant_id, skip=present)
        self._behind.discard(tenant_id)
        return len(surplus) + len(lacking)

    async def _rebuild(self, tenant_id: str) -> int:
        await self._embed_missing(tenant_id)  # first: it takes longest, and the old index answers meanwhile
        await self._index.drop(tenant_id)
        return await self._fill(tenant_id, skip=set())

    async def _embed_missing(self, tenant_id: str) -> None:
        missing = await self._store.passages_without_vector(tenant_id, self._embedder.model_id)
        for start in range(0, len(missing), self._batch_passages):
            part = missing[start : start + self._batch_passages]
            vectors = await self._embedder.embed_passages([embedded_text(passage) for passage in part])
            hashes = [passage.content_hash for passage in part]
            await self._store.put_vectors(hashes, vectors, self._embedder.model_id)

    async def _fill(self, tenant_id: str, *, skip: set[str]) -> int:
        count = 0
        async for ids, vectors in self._store.all_vectors(tenant_id, self._embedder.model_id):
            rows = [row for row, identity in enumerate(ids) if identity not in skip]
            if rows:
                await self._index.upsert(tenant_id, [ids[row] for row in rows], vectors[rows])
            count += len(rows)
        await self._settle(tenant_id)
        return count

    async def _settle(self, tenant_id: str) -> None:
        """Whoever cannot has everything written all the same, and is found more slowly."""
        try:
            await self._index.settle(tenant_id)
        except DependencyUnavailable as error:
            _log.warning("the index of %s stays slow until the next ingest: %s", tenant_id, error)

    async def _begin(self, tenant_id: str) -> Run:
        return Run(
            tenant_id,
            await self._store.content_hashes(tenant_id),
            await self._store.sources(tenant_id),
            await self._store.quarantines(tenant_id),
            await self._store.quarantine_decisions(tenant_id),
        )

    async def _remove_missing(self, tenant_id: str, source: DocumentSource, run: Run) -> list[str]:
        """Documents of this source whose file is gone. A file that became unreadable keeps what it gave."""
        if not source.complete:
            return []
        gone_from = missing(await self._store.sources(tenant_id), source, run.seen, run.refused)
        for external_id, version in gone_from:
            gone = await self._store.delete_document(tenant_id, external_id, version)
            await self._index.delete(tenant_id, gone)
        return [document_name(external_id, version) for external_id, version in gone_from]


def missing(
    stored: Mapping[tuple[str, str], str],
    source: DocumentSource,
    seen: Container[tuple[str, str]],
    refused: Sequence[Refusal],
) -> list[tuple[str, str]]:
    """(external id, version) of what the source gave once and has no more; `stored` has each one's place."""
    unreadable = {refusal.source for refusal in refused}

    def kept(place: str) -> bool:
        parts = place.split(INSIDE)
        return any(INSIDE.join(parts[:depth]) in unreadable for depth in range(1, len(parts) + 1))

    return [
        key
        for key, place in stored.items()
        if key not in seen and source.owns(*key, place) and not kept(place)
    ]
