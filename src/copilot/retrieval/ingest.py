"""Makes documents searchable: parse, compare, cut, embed what is new, store, index.

SQL is written first and holds the truth; the index follows. A crash between the two leaves the index behind,
which `heal` finds and repairs from SQL. Nothing is embedded twice: vectors are kept by passage content.
"""

import asyncio
import hashlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from copilot.domain.errors import DependencyUnavailable
from copilot.domain.knowledge import (
    INSIDE,
    KnowledgeDocument,
    ParsedDocument,
    Passage,
    Refusal,
    SourceFile,
)
from copilot.domain.value import Value
from copilot.ports import DocumentSource, Embedder, KnowledgeStore, PassageIndex, Vector, Vectors
from copilot.retrieval.chunking import CHUNKING_VERSION, Chunker, embedded_text
from copilot.retrieval.injection import INJECTION_VERSION, suspected_injection

_BATCH_PASSAGES = 512
"""Embedded together: enough to sort by length, small enough to bound memory."""
_READ_FILES = 32


class Outcome(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class IngestProgress(Value):
    """How many of `total` files are read and stored so far."""

    done: int
    total: int


class PutResult(Value):
    """What became of one document."""

    document_id: str
    external_id: str
    version: str
    outcome: Outcome
    quarantined: str | None = None
    passages: int = 0
    embedded: int = 0


class IngestReport(Value):
    """What one run did; documents are named "external id v version"."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    """With the reason; also among added, changed or unchanged."""
    refused: tuple[Refusal, ...] = ()
    needs_review: tuple[str, ...] = ()
    """Policy rules whose clause is not what it was when they were signed."""
    passages: int = 0
    """Of the documents added and changed."""
    embedded: int = 0
    """Passages that went through the model: those whose content was never seen before."""


@dataclass
class _Pending:
    """A new or changed document on its way into the store."""

    document: KnowledgeDocument
    outcome: Outcome
    passages: list[Passage]


@dataclass
class _Run:
    """What is known while a source is read."""

    hashes: dict[tuple[str, str], str]
    stored: dict[tuple[str, str], str] = field(default_factory=dict)
    """Sources of documents, read once a file says that it is unchanged."""
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    results: list[PutResult] = field(default_factory=list)
    waiting: list[_Pending] = field(default_factory=list)


class Ingestor:
    """`open_folder` makes a source of a folder; everything else is as in the ports."""

    def __init__(
        self,
        *,
        store: KnowledgeStore,
        index: PassageIndex,
        embedder: Embedder,
        chunker: Chunker,
        open_folder: Callable[[Path], DocumentSource],
    ) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._chunker = chunker
        self._open_folder = open_folder
        # One writer: two runs at once would each take the other's documents for changed.
        self._lock = asyncio.Lock()

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
        async with self._lock:
            run = _Run(hashes=await self._store.content_hashes(tenant_id))
            total = await asyncio.to_thread(source.files)
            files, done = source.read(), 0
            while batch := await asyncio.to_thread(_next_files, files):
                if any(file.unchanged for file in batch) and not run.stored:
                    run.stored = await self._store.sources(tenant_id)
                for file in batch:
                    self._take(tenant_id, file, run)
                if sum(len(pending.passages) for pending in run.waiting) >= _BATCH_PASSAGES:
                    await self._flush(tenant_id, run)
                done += len(batch)
                if on_progress is not None:
                    on_progress(IngestProgress(done=done, total=max(done, total)))
            await self._flush(tenant_id, run)
            removed = await self._remove_missing(tenant_id, source, run)
            return _report(run, removed)

    async def put(self, tenant_id: str, parsed: ParsedDocument) -> PutResult:
        """Adds or replaces one version of one document; unchanged content does nothing."""
        async with self._lock:
            run = _Run(hashes=await self._store.content_hashes(tenant_id))
            self._take(tenant_id, SourceFile(source=parsed.source, documents=(parsed,)), run)
            await self._flush(tenant_id, run)
        return run.results[0]

    async def delete(self, tenant_id: str, external_id: str, version: str | None = None) -> int:
        """Deletes one version or all; returns how many passages went. `NotFound` when there is none."""
        async with self._lock:
            gone = await self._store.delete_document(tenant_id, external_id, version)
            await self._index.delete(tenant_id, gone)
        return len(gone)

    async def heal(self, tenant_id: str) -> int:
        """Makes the index hold exactly the store's passages; returns how many had to be repaired.

        Quick when nothing is wrong. Embeds only passages the present model has never seen.
        """
        async with self._lock:
            wanted = await self._store.passage_ids(tenant_id)
            try:
                present = await self._index.ids(tenant_id)
            except DependencyUnavailable:
                return await self._rebuild(tenant_id)
            if present == wanted:
                return 0
            surplus = present - wanted
            if surplus:
                await self._index.delete(tenant_id, sorted(surplus))
            await self._embed_missing(tenant_id)
            await self._fill(tenant_id, skip=present)
            return len(surplus) + len(wanted - present)

    async def reindex(self, tenant_id: str) -> int:
        """Drops the tenant's index and makes it again from SQL; returns the number of passages."""
        async with self._lock:
            return await self._rebuild(tenant_id)

    async def _rebuild(self, tenant_id: str) -> int:
        await self._index.drop(tenant_id)
        await self._embed_missing(tenant_id)
        return await self._fill(tenant_id, skip=set())

    async def _embed_missing(self, tenant_id: str) -> None:
        missing = await self._store.passages_without_vector(tenant_id, self._embedder.model_id)
        for start in range(0, len(missing), _BATCH_PASSAGES):
            part = missing[start : start + _BATCH_PASSAGES]
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
        return count

    def _take(self, tenant_id: str, file: SourceFile, run: _Run) -> None:
        if file.refusal is not None:
            run.refused.append(file.refusal)
        if file.unchanged:
            _keep_unchanged(file, run)
        for parsed in file.documents:
            key = (parsed.external_id, parsed.version)
            if key in run.seen:
                run.refused.append(
                    Refusal(
                        source=file.source,
                        reason=f"`{parsed.external_id}` version `{parsed.version}` is in {run.seen[key]}.",
                        hint="Give one of them another `id`, or another `version`.",
                    )
                )
                continue
            run.seen[key] = file.source
            document = identified(tenant_id, parsed)
            if run.hashes.get(key) == document.content_hash:
                run.results.append(_result(document, Outcome.UNCHANGED))
                continue
            outcome = Outcome.CHANGED if key in run.hashes else Outcome.ADDED
            run.waiting.append(_Pending(document, outcome, self._chunker.passages(document)))

    async def _flush(self, tenant_id: str, run: _Run) -> None:
        """Embeds what waits in one batch, then writes document by document: SQL first, the index after."""
        waiting, run.waiting = run.waiting, []
        searchable = [
            passage for item in waiting if not item.document.quarantined for passage in item.passages
        ]
        vectors, embedded = await self._vectors(searchable)
        for item in waiting:
            passages = [] if item.document.quarantined else item.passages
            rows = _stacked(
                [vectors[passage.content_hash] for passage in passages], self._embedder.dimensions
            )
            gone = await self._store.put_document(item.document, item.passages, rows, self._embedder.model_id)
            if gone:
                await self._index.delete(tenant_id, gone)
            if passages:
                await self._index.upsert(tenant_id, [passage.id for passage in passages], rows)
            new = {passage.content_hash for passage in passages} & embedded
            embedded -= new
            run.results.append(
                _result(item.document, item.outcome, passages=len(item.passages), embedded=len(new))
            )

    async def _vectors(self, passages: Sequence[Passage]) -> tuple[dict[str, Vector], set[str]]:
        """By content hash, and which of them had to be computed."""
        texts = {passage.content_hash: embedded_text(passage) for passage in passages}
        vectors = await self._store.cached_vectors(list(texts), self._embedder.model_id)
        missing = [content_hash for content_hash in texts if content_hash not in vectors]
        if missing:
            rows = await self._embedder.embed_passages([texts[content_hash] for content_hash in missing])
            vectors.update(zip(missing, rows, strict=True))
        return vectors, set(missing)

    async def _remove_missing(self, tenant_id: str, source: DocumentSource, run: _Run) -> list[str]:
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


def _next_files(files: Iterator[SourceFile]) -> list[SourceFile]:
    return [file for _, file in zip(range(_READ_FILES), files, strict=False)]


def _keep_unchanged(file: SourceFile, run: _Run) -> None:
    for (external_id, version), source in run.stored.items():
        if source == file.source:
            run.seen[external_id, version] = source
            run.results.append(
                PutResult(document_id="", external_id=external_id, version=version, outcome=Outcome.UNCHANGED)
            )


def identified(tenant_id: str, parsed: ParsedDocument) -> KnowledgeDocument:
    """With an id that the same version of the same document always gets, so that citations keep holding."""
    identity = f"{tenant_id}\0{parsed.external_id}\0{parsed.version}"
    made_by = f"{CHUNKING_VERSION}\0{INJECTION_VERSION}\0"
    return KnowledgeDocument(
        **dict(parsed),
        id=f"doc_{hashlib.sha256(identity.encode()).hexdigest()[:32]}",
        tenant_id=tenant_id,
        content_hash=hashlib.sha256((made_by + parsed.model_dump_json()).encode()).hexdigest(),
        quarantined=suspected_injection(f"{parsed.title}\n{parsed.text}"),
    )


def _stacked(vectors: Sequence[Vector], dimensions: int) -> Vectors:
    return np.stack(vectors) if vectors else np.empty((0, dimensions), dtype=np.float32)


def _result(
    document: KnowledgeDocument, outcome: Outcome, *, passages: int = 0, embedded: int = 0
) -> PutResult:
    return PutResult(
        document_id=document.id,
        external_id=document.external_id,
        version=document.version,
        outcome=outcome,
        quarantined=document.quarantined,
        passages=passages,
        embedded=embedded,
    )


def document_name(external_id: str, version: str) -> str:
    return f"{external_id} v{version}"


def _report(run: _Run, removed: Sequence[str]) -> IngestReport:
    def named(outcome: Outcome) -> tuple[str, ...]:
        return tuple(
            document_name(result.external_id, result.version)
            for result in run.results
            if result.outcome is outcome
        )

    return IngestReport(
        added=named(Outcome.ADDED),
        changed=named(Outcome.CHANGED),
        unchanged=named(Outcome.UNCHANGED),
        removed=tuple(removed),
        quarantined=tuple(
            f"{document_name(result.external_id, result.version)}: {result.quarantined}"
            for result in run.results
            if result.quarantined
        ),
        refused=tuple(run.refused),
        passages=sum(result.passages for result in run.results),
        embedded=sum(result.embedded for result in run.results),
    )
