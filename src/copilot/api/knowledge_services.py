"""What the API needs for knowledge: searching it, writing it, and taking care of it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any, Protocol

from copilot.domain.care import GapCluster, GapStatus, Impact, LintCheck, LintRun
from copilot.domain.ingest import ConfiguredSource, IngestJob, IngestReport, JobEvent
from copilot.domain.knowledge import (
    KnowledgeDocument,
    Passage,
    Refusal,
    SearchQuery,
    SearchResult,
)
from copilot.retrieval.library import UploadPlan, Written


class Searcher(Protocol):
    async def search(self, query: SearchQuery) -> SearchResult: ...


class Documents(Protocol):
    """The part of KnowledgeStore that reads."""

    async def get_document(
        self, tenant_id: str, external_id: str, version: str | None = None
    ) -> KnowledgeDocument: ...

    async def list_documents(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[KnowledgeDocument]: ...


class Library(Protocol):
    """Makes documents part of a tenant's knowledge, whole or not at all, and takes them out."""

    async def add_file(self, tenant_id: str, file_name: str, content: bytes) -> Sequence[KnowledgeDocument]:
        """The documents of one uploaded file. `UnreadableDocument`, or `InvalidInput` for its kind."""

    async def put_markdown(
        self, tenant_id: str, external_id: str, title: str, text: str, metadata: Mapping[str, Any]
    ) -> KnowledgeDocument:
        """`metadata` holds fields of ParsedDocument."""

    async def remove(self, tenant_id: str, external_id: str, version: str | None) -> None:
        """`NotFound` when there is no such document."""

    async def add_files(self, tenant_id: str, files: Sequence[tuple[str, bytes]]) -> IngestReport: ...

    async def plan_files(self, tenant_id: str, files: Sequence[tuple[str, bytes]]) -> UploadPlan: ...

    async def put_many(
        self, tenant_id: str, documents: Sequence[Written], refused: Sequence[Refusal]
    ) -> IngestReport: ...

    async def plan_many(
        self, tenant_id: str, documents: Sequence[Written], refused: Sequence[Refusal]
    ) -> UploadPlan: ...

    async def passages(self, tenant_id: str, external_id: str, version: str | None) -> Sequence[Passage]: ...


class LintRunning(Protocol):
    """The checks in the background."""

    def last(self, tenant_id: str) -> LintRun | None: ...

    def start(
        self, tenant_id: str, checks: AbstractSet[LintCheck], uncited_after: timedelta = ...
    ) -> LintRun: ...

    async def stop(self, tenant_id: str) -> None: ...


class Gaps(Protocol):
    """Unanswered questions, in clusters."""

    async def list_clusters(
        self, tenant_id: str, *, status: GapStatus | None = None, after: str | None = None, limit: int = 50
    ) -> list[GapCluster]: ...

    async def set_status(
        self, tenant_id: str, cluster_id: str, status: GapStatus, changed_by: str
    ) -> GapCluster: ...


class ImpactOf(Protocol):
    async def of(
        self, tenant_id: str, external_id: str, version: str | None = None, *, limit: int = 100
    ) -> Impact: ...


class KeptOut(Protocol):
    """Documents out of search, and back."""

    async def release(
        self, tenant_id: str, external_id: str, version: str | None, *, by: str, reason: str = ""
    ) -> KnowledgeDocument: ...

    async def quarantine(
        self, tenant_id: str, external_id: str, version: str | None, *, by: str, reason: str
    ) -> KnowledgeDocument: ...


class Care(Protocol):
    """Looking after knowledge."""

    @property
    def lint_runs(self) -> LintRunning: ...
    @property
    def gaps(self) -> Gaps: ...
    @property
    def impact(self) -> ImpactOf: ...
    @property
    def quarantine(self) -> KeptOut: ...


class Jobs(Protocol):
    """Ingest in the background."""

    async def submit_source(
        self, tenant_id: str, requested_by: str, source: str, *, dry_run: bool = False
    ) -> IngestJob: ...

    async def submit_files(
        self, tenant_id: str, requested_by: str, files: Sequence[tuple[str, bytes]], *, dry_run: bool = False
    ) -> IngestJob: ...

    async def get(self, tenant_id: str, job_id: str) -> IngestJob: ...

    async def list_jobs(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[IngestJob]: ...

    async def cancel(self, tenant_id: str, job_id: str) -> IngestJob: ...

    def watch(self, tenant_id: str, job_id: str) -> AsyncGenerator[JobEvent]: ...


class Sources(Protocol):
    """The part of SourceCatalog that lists."""

    def sources(self, tenant_id: str) -> list[ConfiguredSource]:
        """Blocking."""
