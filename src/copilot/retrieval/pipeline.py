"""The stages of one ingest run, side by side: read and cut, embed, write.

While the model embeds one batch, the next waits for it, the one after is read and cut on a thread, and
the one before is written; there are never more, so memory stays bounded however much there is.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from copilot.domain.care import QuarantineDecision
from copilot.domain.knowledge import INSIDE, FileStamp, KnowledgeDocument, Passage, Refusal, SourceFile
from copilot.ports import (
    DocumentSource,
    Embedder,
    KnowledgeStore,
    PassageIndex,
    StampedSource,
    Vector,
    Vectors,
)
from copilot.retrieval.chunking import CHUNKING_VERSION, Chunker, embedded_text
from copilot.retrieval.injection import INJECTION_VERSION
from copilot.retrieval.reports import Outcome, PutResult, identified, judged, put_result

BATCH_PASSAGES = 512
"""Embedded together: enough to sort by length, small enough to bound memory."""
_FIRST_SHARE = 8
"""The first batch is so many times smaller: the model waits for little at the start."""
_WRITTEN_PASSAGES = 128
"""In one transaction, or a document's own where it has more: conversations are written between two."""
_READ_FILES = 256
"""At most, before the next progress."""
_WAITING_BATCHES = 1
_MADE_BY = f"{CHUNKING_VERSION}/{INJECTION_VERSION}/"

T = TypeVar("T")
Key = tuple[str, str]
"""(external id, version)"""


@dataclass
class Pending:
    """A new or changed document on its way into the store."""

    document: KnowledgeDocument
    outcome: Outcome
    passages: list[Passage]

    @property
    def searchable(self) -> list[Passage]:
        return [] if self.document.quarantined else self.passages


@dataclass
class _Batch:
    """What one reading gave, from so many files; vectors by content hash once it is embedded.

    `borrowed` are those that the vectors of an earlier batch have, at the latest when that one is written.
    """

    files: int
    pending: list[Pending]
    vectors: dict[str, Vector] = field(default_factory=dict)
    embedded: set[str] = field(default_factory=set)
    borrowed: dict[str, dict[str, Vector]] = field(default_factory=dict)

    def vector(self, content_hash: str) -> Vector:
        return self.borrowed.get(content_hash, self.vectors)[content_hash]


class Run:
    """What is known while a source is read. One thread at a time."""

    def __init__(
        self,
        tenant_id: str,
        hashes: dict[Key, str],
        stored: dict[Key, str],
        quarantines: dict[Key, str],
        decisions: Mapping[Key, QuarantineDecision] = MappingProxyType({}),
    ) -> None:
        self.tenant_id = tenant_id
        self._decisions = decisions
        self.seen: dict[Key, str] = {}
        self.refused: list[Refusal] = []
        self.results: list[PutResult] = []
        self._hashes = hashes
        self._quarantines = quarantines
        self._stored: defaultdict[str, list[Key]] = defaultdict(list)
        for key, place in stored.items():
            self._stored[_file(place)].append(key)
        self._given: defaultdict[str, dict[Key, str]] = defaultdict(dict)

    def take(self, file: SourceFile, chunker: Chunker) -> list[Pending]:
        """The documents of the file that are new or changed, cut."""
        if file.refusal is not None:
            self.refused.append(file.refusal)
        if file.unchanged:
            self._keep(file)
            return []
        self._given.setdefault(_file(file.source), {})
        pending = []
        for parsed in file.documents:
            key = (parsed.external_id, parsed.version)
            if not self._see(key, file.source):
                continue
            document = judged(identified(self.tenant_id, parsed), self._decisions.get(key))
            self._given[_file(file.source)][key] = document.content_hash
            if self._hashes.get(key) == document.content_hash:
                self.results.append(put_result(document, Outcome.UNCHANGED))
                continue
            outcome = Outcome.CHANGED if key in self._hashes else Outcome.ADDED
            pending.append(Pending(document, outcome, chunker.passages(document)))
        return pending

    def _keep(self, file: SourceFile) -> None:
        """What an unread file gave before stays."""
        for external_id, version in self._stored[file.source]:
            if self._see((external_id, version), file.source):
                kept = PutResult(
                    document_id="",
                    external_id=external_id,
                    version=version,
                    outcome=Outcome.UNCHANGED,
                    quarantined=self._quarantines.get((external_id, version)),
                )
                self.results.append(kept)

    def _see(self, key: Key, source: str) -> bool:
        """False, and a refusal, when another file has that document."""
        if key in self.seen:
            reason = f"`{key[0]}` version `{key[1]}` is in {self.seen[key]}."
            hint = "Give one of them another `id`, or another `version`."
            self.refused.append(Refusal(source=source, reason=reason, hint=hint))
            return False
        self.seen[key] = source
        return True

    def recalled(self, stamps: dict[str, FileStamp]) -> dict[str, str]:
        """Of the files whose documents are stored as they gave them, by the code that runs now."""
        return {
            source: stamp.stamp.removeprefix(_MADE_BY)
            for source, stamp in stamps.items()
            if stamp.stamp.startswith(_MADE_BY)
            and stamp.given == _digest({key: self._hashes[key] for key in self._stored.get(source, ())})
        }

    def stamps(self, source: StampedSource) -> dict[str, FileStamp | None]:
        """Of the files that were read; a refused one is read again the next time, so that it is reported."""
        refused = {_file(refusal.source) for refusal in self.refused}
        found: dict[str, FileStamp | None] = dict.fromkeys(refused)
        for name, given in self._given.items():
            stamp = None if name in refused else source.stamp(name)
            found[name] = FileStamp(stamp=_MADE_BY + stamp, given=_digest(given)) if stamp else None
        return found


class Pipeline:
    """Carries the documents of a run through embedding into store and index."""

    def __init__(
        self,
        *,
        store: KnowledgeStore,
        index: PassageIndex,
        embedder: Embedder,
        chunker: Chunker,
        batch_passages: int = BATCH_PASSAGES,
    ) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._chunker = chunker
        self._batch_passages = batch_passages

    async def carry(self, source: DocumentSource, run: Run, on_files: Callable[[int], None]) -> None:
        """Everything `source` has; `on_files` hears how many more files are stored."""
        read: asyncio.Queue[_Batch | None] = asyncio.Queue(_WAITING_BATCHES)
        begun: asyncio.Queue[tuple[_Batch, asyncio.Task[None]] | None] = asyncio.Queue(_WAITING_BATCHES)
        embeddings: set[asyncio.Task[None]] = set()
        flying: dict[str, dict[str, Vector]] = {}

        async def reading() -> None:
            files, enough = source.read(), self._batch_passages // _FIRST_SHARE
            while (batch := await asyncio.to_thread(self._read, files, run, enough)).files:
                await read.put(batch)
                enough = self._batch_passages
            await read.put(None)

        async def embedding() -> None:
            async for batch in _taken(read):
                texts = await self._missing(batch, flying)
                # Not awaited: the model goes from one batch to the next without a pause.
                task = asyncio.create_task(self._embed(batch, texts))
                embeddings.add(task)
                await begun.put((batch, task))
            await begun.put(None)

        async def writing() -> None:
            async for batch, embedded in _taken(begun):
                await embedded
                embeddings.discard(embedded)
                await self._write(batch, run)
                for content_hash in batch.vectors:
                    flying.pop(content_hash, None)
                on_files(batch.files)

        try:
            await _side_by_side(reading(), embedding(), writing())
        finally:
            await _ended(embeddings)

    async def put(self, pending: Sequence[Pending], run: Run) -> None:
        """Single documents, through the same stages."""
        batch = _Batch(1, list(pending))
        await self._embed(batch, await self._missing(batch, {}))
        await self._write(batch, run)

    def _read(self, files: Iterator[SourceFile], run: Run, enough: int) -> _Batch:
        """On a thread, until there are enough passages. Without files when there are no more."""
        batch = _Batch(0, [])
        passages = 0
        for file in files:
            batch.files += 1
            taken = run.take(file, self._chunker)
            batch.pending += taken
            passages += sum(len(item.passages) for item in taken)
            if passages >= enough or batch.files >= _READ_FILES:
                break
        return batch

    async def _missing(self, batch: _Batch, flying: dict[str, dict[str, Vector]]) -> dict[str, str]:
        """Texts that are neither stored nor on their way: nothing goes through the model twice."""
        texts = {
            passage.content_hash: embedded_text(passage)
            for item in batch.pending
            for passage in item.searchable
        }
        batch.borrowed = {key: flying[key] for key in texts if key in flying}
        asked = [key for key in texts if key not in batch.borrowed]
        if asked:
            batch.vectors |= await self._store.cached_vectors(asked, self._embedder.model_id)
        batch.embedded = {key for key in asked if key not in batch.vectors}
        flying.update(dict.fromkeys(batch.embedded, batch.vectors))
        return {key: texts[key] for key in asked if key in batch.embedded}

    async def _embed(self, batch: _Batch, texts: dict[str, str]) -> None:
        if texts:
            rows = await self._embedder.embed_passages(list(texts.values()))
            batch.vectors.update(zip(texts, rows, strict=True))

    async def _write(self, batch: _Batch, run: Run) -> None:
        """SQL first, the index after; each document whole in one transaction."""
        for part in _parts(batch.pending):
            entries = [(item.document, item.passages, self._rows(item, batch)) for item in part]
            gone = await self._store.put_documents(entries, self._embedder.model_id)
            if gone:
                await self._index.delete(run.tenant_id, gone)
            names = [passage.id for item in part for passage in item.searchable]
            if names:
                vectors = np.concatenate([rows for _, _, rows in entries])
                await self._index.upsert(run.tenant_id, names, vectors)
            for item in part:
                new = {passage.content_hash for passage in item.searchable} & batch.embedded
                batch.embedded -= new
                counts = {"passages": len(item.passages), "embedded": len(new)}
                run.results.append(put_result(item.document, item.outcome, **counts))

    def _rows(self, item: Pending, batch: _Batch) -> Vectors:
        rows = [batch.vector(passage.content_hash) for passage in item.searchable]
        return np.stack(rows) if rows else np.empty((0, self._embedder.dimensions), dtype=np.float32)


async def _taken(queue: "asyncio.Queue[T | None]") -> AsyncIterator[T]:
    """What comes, until None does."""
    while (item := await queue.get()) is not None:
        yield item


async def _side_by_side(*stages: Awaitable[None]) -> None:
    """Until all are done; the first error ends all of them and is raised as it is."""
    tasks = [asyncio.ensure_future(stage) for stage in stages]
    try:
        await asyncio.gather(*tasks)
    finally:
        await _ended(tasks)


async def _ended(tasks: Collection[asyncio.Future[None]]) -> None:
    """Given up, and gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _parts(pending: Sequence[Pending]) -> Iterator[list[Pending]]:
    part: list[Pending] = []
    size = 0
    for item in pending:
        if part and size + len(item.passages) > _WRITTEN_PASSAGES:
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item.passages)
    if part:
        yield part


def _file(source: str) -> str:
    """The outermost file, of an archive's or e-mail's parts."""
    return source.split(INSIDE, 1)[0]


def _digest(given: dict[Key, str]) -> str:
    """Of the documents that one file gave."""
    return hashlib.sha256(repr(sorted(given.items())).encode()).hexdigest()
