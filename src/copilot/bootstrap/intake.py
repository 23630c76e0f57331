"""What the command line ingests: paths and remote sources, stored or only planned."""

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from copilot.adapters.loaders.folder import FileSource, FolderSource
from copilot.adapters.sources.settings import FolderSettings, SourceSettings, open_source
from copilot.adapters.sources.spool import SpooledSource
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.sql.opening import knowledge_store, open_database
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.bootstrap.knowledge import KnowledgeBase, ingest
from copilot.bootstrap.state import database_address
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError
from copilot.domain.ingest import IngestProgress, IngestReport
from copilot.ports import DocumentSource, KnowledgeStore, RemoteSource
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.planning import OnDocument, Planner
from copilot.retrieval.remote import RemoteIngest

OnProgress = Callable[[IngestProgress], None]
_PATH = "path:"


@dataclass(frozen=True)
class Intake:
    """One source of a command: a folder or file by its absolute path, or a described remote source."""

    label: str
    origin: Path | SourceSettings


@dataclass(frozen=True)
class Planning:
    """What a dry run needs: no index, no model."""

    store: SqlKnowledgeStore
    planner: Planner


@asynccontextmanager
async def open_planning(settings: Settings) -> AsyncIterator[Planning]:
    """Compares with the database where there is one, else with an empty one that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="copilot-plan-") as empty:
        where = database_address(settings)
        if isinstance(where, Path) and not where.is_file():
            where = Path(empty) / "empty.db"
        database = await open_database(where)
        try:
            store = knowledge_store(database)
            yield Planning(store, Planner(store, Chunker(TiktokenCounter(), WordPieceCounter())))
        finally:
            await database.close()


async def ingest_intake(
    settings: Settings,
    knowledge: KnowledgeBase,
    intake: Intake,
    on_progress: OnProgress,
    on_stage: Callable[[str], None],
) -> IngestReport:
    """Makes the knowledge equal to this one source; what others gave stays."""
    if isinstance(intake.origin, Path):
        local = await _local(knowledge.store, settings.tenant, intake.origin)
        await _remember_path(knowledge.store, settings.tenant, local.name, intake.origin)
        if intake.origin.is_dir():
            return await ingest(settings, knowledge, intake.origin, on_progress, on_stage, source=local)
        on_stage(f"Reading and embedding {intake.label}")
        return await knowledge.ingestor.ingest(settings.tenant, local, on_progress)
    on_stage(f"Fetching {intake.label}")
    remote = _remote(intake.origin)
    try:
        return await knowledge.remote.ingest(
            settings.tenant, remote, knowledge.ingestor, on_fetched=on_progress, on_progress=on_progress
        )
    finally:
        remote.close()


async def plan_intake(
    settings: Settings,
    planning: Planning,
    intake: Intake,
    on_progress: OnProgress,
    on_document: OnDocument | None = None,
) -> IngestReport:
    """What `ingest_intake` would do."""
    source: DocumentSource
    if isinstance(intake.origin, Path):
        source = await _local(planning.store, settings.tenant, intake.origin)
        return await planning.planner.plan(settings.tenant, source, on_progress, on_document)
    remote = _remote(intake.origin)
    try:
        fetched = await RemoteIngest(planning.store, SpooledSource.of).fetch(
            settings.tenant, remote, on_progress
        )
        try:
            return await planning.planner.plan(settings.tenant, fetched, on_progress, on_document)
        finally:
            fetched.close()
    finally:
        remote.close()


def _remote(described: SourceSettings) -> RemoteSource:
    if isinstance(described, FolderSettings):
        raise ConfigurationError("a folder is given as a path.", where=described.name)
    return open_source(described, os.environ.get)


async def _local(store: KnowledgeStore, tenant_id: str, path: Path) -> FolderSource | FileSource:
    return _opened(path, await _name_of(store, tenant_id, path))


def _opened(path: Path, name: str) -> FolderSource | FileSource:
    return FolderSource(path, name) if path.is_dir() else FileSource(path, name)


async def _name_of(store: KnowledgeStore, tenant_id: str, path: Path) -> str:
    """Its own name; below a folder that was ingested, its place there; unlike any other path's in use.

    Names are what `source` of a document begins with, so two folders called "docs" need two.
    """
    for above in path.parents:
        if await _path_named(store, tenant_id, above.name) == above:
            return f"{above.name}/{path.relative_to(above).as_posix()}"
    owner = await _path_named(store, tenant_id, path.name)
    if owner is None or owner == path or not owner.exists():
        return path.name
    return f"{path.name}~{hashlib.sha256(str(path).encode()).hexdigest()[:6]}"


async def _path_named(store: KnowledgeStore, tenant_id: str, name: str) -> Path | None:
    found = await store.get_artifact(tenant_id, _PATH + name)
    return Path(found[0]) if found else None


async def _remember_path(store: KnowledgeStore, tenant_id: str, name: str, path: Path) -> None:
    await store.put_artifact(tenant_id, _PATH + name, str(path), b"")
