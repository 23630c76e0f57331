"""Work in the background, and the sources that it may read."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from copilot.domain.ingest import ConfiguredSource, IngestJob
from copilot.ports.knowledge import DocumentSource, RemoteSource


class JobStore(Protocol):
    """Ingest jobs with the files they were given; outlives the process."""

    async def add(self, job: IngestJob, files: Sequence[tuple[str, bytes]] = ()) -> None:
        """Keeps a new job and its (file name, bytes); forgets jobs that ended 30 days before it was made."""

    async def save(self, job: IngestJob) -> None:
        """Replaces it. Its files go once it has ended. `NotFound` when there is no such job."""

    async def get(self, tenant_id: str, job_id: str) -> IngestJob:
        """`NotFound` when the tenant has no such job."""

    async def list_jobs(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[IngestJob]:
        """Newest first, for cursor paging."""

    async def unfinished(self) -> list[IngestJob]:
        """Of every tenant, oldest first: what a start has to go on with."""

    async def files(self, tenant_id: str, job_id: str) -> list[tuple[str, bytes]]:
        """(file name, bytes) in the order given; none once the job has ended."""


class SourceCatalog(Protocol):
    """The sources that somebody described for a tenant; a job names one, never an address."""

    def sources(self, tenant_id: str) -> list[ConfiguredSource]:
        """By name. `ConfigurationError` when a description is wrong. Blocking."""

    def describe(self, tenant_id: str, values: Mapping[str, Any]) -> ConfiguredSource:
        """Adds a description that somebody wrote in the console. `InvalidInput` names the field. Blocking.

        Such a source is never a folder of this machine, and of the secrets it may use only those that an
        operator has meant for sources.
        """

    def forget(self, tenant_id: str, name: str) -> None:
        """Removes the description; what was ingested stays. `NotFound` when there is none. Blocking."""

    def open(self, tenant_id: str, name: str) -> DocumentSource | RemoteSource:
        """`NotFound` when there is none of this name. Blocking; nothing is read yet."""
