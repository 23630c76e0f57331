"""What an ingest would do, without doing it: nothing is written, and nothing embedded."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from copilot.domain.ingest import IngestProgress, IngestReport
from copilot.domain.knowledge import KnowledgeDocument, Passage, SourceFile
from copilot.ports import DocumentSource, KnowledgeStore
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import missing
from copilot.retrieval.pipeline import Run
from copilot.retrieval.reports import Outcome, document_name, identified, put_result, report

_READ_FILES = 32
"""Between two words on how far it is."""

Planned = tuple[KnowledgeDocument, Outcome, Sequence[Passage]]
OnDocument = Callable[[KnowledgeDocument, Outcome, Sequence[Passage]], None]
"""Hears of each document with its passages as the index would see them."""


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
        stored = await self._store.sources(tenant_id)
        run = Run(
            tenant_id,
            await self._store.content_hashes(tenant_id),
            stored,
            await self._store.quarantines(tenant_id),
            await self._store.quarantine_decisions(tenant_id),
        )
        total = await asyncio.to_thread(source.files)
        files, done = source.read(), 0
        while True:
            count, planned = await asyncio.to_thread(self._next, files, run, whole=on_document is not None)
            if not count:
                break
            for document, outcome, passages in planned:
                if on_document is not None:
                    on_document(document, outcome, passages)
            done += count
            if on_progress is not None:
                on_progress(IngestProgress(done=done, total=max(done, total)))
        gone = missing(stored, source, run.seen, run.refused) if source.complete else []
        return report(run.results, [document_name(*key) for key in gone], run.refused)

    def _next(self, files: Iterator[SourceFile], run: Run, *, whole: bool) -> tuple[int, list[Planned]]:
        """How many files were read, and what they hold; unchanged documents only if `whole`. Blocking."""
        planned: list[Planned] = []
        count = 0
        for file in islice(files, _READ_FILES):
            count += 1
            known = len(run.results)
            taken = run.take(file, self._chunker)
            same = {(result.external_id, result.version) for result in run.results[known:]}
            for item in taken:
                run.results.append(put_result(item.document, item.outcome, passages=len(item.passages)))
                planned.append((item.document, item.outcome, item.passages))
            for parsed in file.documents if whole else ():
                if (parsed.external_id, parsed.version) in same:
                    document = identified(run.tenant_id, parsed)
                    planned.append((document, Outcome.UNCHANGED, self._chunker.passages(document)))
        return count, planned
