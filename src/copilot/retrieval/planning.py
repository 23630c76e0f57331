"""What an ingest would do, without doing it: nothing is written, and nothing embedded."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from copilot.domain.ingest import IngestProgress, IngestReport
from copilot.domain.knowledge import KnowledgeDocument, Passage, Refusal, SourceFile
from copilot.ports import DocumentSource, KnowledgeStore
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Outcome, document_name, given_twice, identified, missing, next_files

OnDocument = Callable[[KnowledgeDocument, Outcome, Sequence[Passage]], None]
"""Hears of each document with its passages as the index would see them."""


@dataclass
class _Plan:
    hashes: dict[tuple[str, str], str]
    stored: dict[tuple[str, str], str]
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    names: dict[Outcome, list[str]] = field(default_factory=lambda: {outcome: [] for outcome in Outcome})
    quarantined: list[str] = field(default_factory=list)
    passages: int = 0


class Planner:
    """Needs neither index nor model, so it works beside a server that owns the index."""

    def __init__(self, store: KnowledgeStore, chunker: Chunker) -> None:
        self._store = store
        self._chunker = chunker

    async def plan(
        self,
        tenant_id: str,
        source: DocumentSource,
        on_progress: Callable[[IngestProgress], None] | None = None,
        on_document: OnDocument | None = None,
    ) -> IngestReport:
        """The report that `Ingestor.ingest` would give, but `embedded` is 0."""
        plan = _Plan(
            hashes=await self._store.content_hashes(tenant_id), stored=await self._store.sources(tenant_id)
        )
        total = await asyncio.to_thread(source.files)
        files, done = source.read(), 0
        while batch := await asyncio.to_thread(next_files, files):
            for file in batch:
                await self._take(tenant_id, file, plan, on_document)
            done += len(batch)
            if on_progress is not None:
                on_progress(IngestProgress(done=done, total=max(done, total)))
        gone = missing(plan.stored, source, plan.seen, plan.refused) if source.complete else []
        return IngestReport(
            added=tuple(plan.names[Outcome.ADDED]),
            changed=tuple(plan.names[Outcome.CHANGED]),
            unchanged=tuple(plan.names[Outcome.UNCHANGED]),
            removed=tuple(document_name(*key) for key in gone),
            quarantined=tuple(plan.quarantined),
            refused=tuple(plan.refused),
            passages=plan.passages,
        )

    async def _take(
        self, tenant_id: str, file: SourceFile, plan: _Plan, on_document: OnDocument | None
    ) -> None:
        if file.refusal is not None:
            plan.refused.append(file.refusal)
        if file.unchanged:
            for key in [key for key, place in plan.stored.items() if place == file.source]:
                plan.seen[key] = file.source
                plan.names[Outcome.UNCHANGED].append(document_name(*key))
        for parsed in file.documents:
            key = (parsed.external_id, parsed.version)
            if key in plan.seen:
                plan.refused.append(given_twice(parsed, file.source, plan.seen[key]))
                continue
            plan.seen[key] = file.source
            document = identified(tenant_id, parsed)
            outcome = Outcome.ADDED
            if key in plan.hashes:
                same = plan.hashes[key] == document.content_hash
                outcome = Outcome.UNCHANGED if same else Outcome.CHANGED
            plan.names[outcome].append(document_name(*key))
            if document.quarantined:
                plan.quarantined.append(f"{document_name(*key)}: {document.quarantined}")
            if outcome is Outcome.UNCHANGED and on_document is None:
                continue
            passages = await asyncio.to_thread(self._chunker.passages, document)
            plan.passages += 0 if outcome is Outcome.UNCHANGED else len(passages)
            if on_document is not None:
                on_document(document, outcome, passages)
