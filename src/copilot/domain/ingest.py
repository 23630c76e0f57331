"""Ingest as people follow it: progress, report, and jobs in the background."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from copilot.domain.knowledge import Refusal
from copilot.domain.value import Value


class IngestProgress(Value):
    """How many of `total` files are read and stored so far."""

    done: int
    total: int


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


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    """It ran to its end; the report says what was refused."""
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in {JobStatus.QUEUED, JobStatus.RUNNING}


class IngestJob(Value):
    """One ingest in the background. `source` names a configured source; None: uploaded files.

    `attempts` counts how often it was begun: a job that a crash interrupted is begun again.
    """

    id: str
    tenant_id: str
    requested_by: str
    source: str | None = None
    dry_run: bool = False
    status: JobStatus = JobStatus.QUEUED
    stage: str = ""
    """What is being done, for a person to read."""
    done: int = 0
    total: int = 0
    attempts: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    problem: str | None = None
    """Why it failed."""
    report: IngestReport | None = None


class JobEvent(Value):
    """How a job stands; the last one is `job.done` and carries the report."""

    id: int
    type: Literal["job.progress", "job.done"]
    job: IngestJob


class ConfiguredSource(Value):
    """A source that has been described; jobs name it."""

    name: str
    kind: str
