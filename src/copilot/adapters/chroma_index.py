"""Chroma inside this process: one collection per tenant, in a folder that only this process may use.

Everything here is derived from SQL. A folder that cannot be opened is begun anew, empty; whoever opened it
compares ids with the store and fills it again (`Ingestor.heal`).
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from copilot.domain.errors import ConfigurationError, CopilotError, DependencyUnavailable
from copilot.ports import Vector, Vectors

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

T = TypeVar("T")

_HNSW: dict[str, Any] = {
    "space": "cosine",
    "ef_search": 128,
    # Chroma writes its index file every `sync_threshold` vectors, and a kill while it does so ruins the
    # collection for good; until then everything lies in its SQLite log, which survives.
    "sync_threshold": 100_000,
    "num_threads": 1,
}
_UPSERT_BATCH = 2_000
_REINDEX = "Run `copilot reindex`; nothing is lost, the index is made from the database."


class ChromaIndex:
    """The PassageIndex port. Build with `open`; every call runs on one thread of its own."""

    def __init__(self, folder: Path, model_id: str) -> None:
        self._folder = folder
        # Vectors of two models are never compared: each model has its own collections.
        self._model = hashlib.sha256(model_id.encode()).hexdigest()[:12]
        self._thread = ThreadPoolExecutor(1, "chroma")
        self._collections: dict[str, Collection] = {}
        self._lock: int | None = None
        self._client: Any = None  # chromadb's types leave out close()

    @classmethod
    async def open(cls, folder: Path, model_id: str) -> Self:
        """Takes the folder for this process. `ConfigurationError` when another one has it."""
        index = cls(folder, model_id)
        try:
            await index._run(index._open)
        except BaseException:
            await index.close()
            raise
        return index

    async def upsert(self, tenant_id: str, passage_ids: Sequence[str], vectors: Vectors) -> None:
        def write() -> None:
            collection = self._collection(tenant_id)
            for start in range(0, len(passage_ids), _UPSERT_BATCH):
                part = slice(start, start + _UPSERT_BATCH)
                collection.upsert(ids=list(passage_ids[part]), embeddings=vectors[part])

        await self._run(write)

    async def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None:
        def write() -> None:
            collection = self._collection(tenant_id)
            for start in range(0, len(passage_ids), _UPSERT_BATCH):
                collection.delete(ids=list(passage_ids[start : start + _UPSERT_BATCH]))

        await self._run(write)

    async def nearest(self, tenant_id: str, vector: Vector, limit: int) -> list[tuple[str, float]]:
        def read() -> list[tuple[str, float]]:
            found = self._collection(tenant_id).query(
                query_embeddings=vector[np.newaxis], n_results=limit, include=["distances"]
            )
            distances = (found["distances"] or [[]])[0]
            return [(name, 1.0 - float(far)) for name, far in zip(found["ids"][0], distances, strict=True)]

        return await self._run(read)

    async def count(self, tenant_id: str) -> int:
        return await self._run(lambda: self._collection(tenant_id).count())

    async def ids(self, tenant_id: str) -> set[str]:
        return await self._run(lambda: set(self._collection(tenant_id).get(include=[])["ids"]))

    async def drop(self, tenant_id: str) -> None:
        def write() -> None:
            client = self._open_client()
            prefix = _tenant_prefix(tenant_id)
            self._collections.pop(tenant_id, None)
            for collection in client.list_collections():
                if collection.name.startswith(prefix):
                    client.delete_collection(collection.name)

        await self._run(write)

    async def close(self) -> None:
        """Lets the folder go. The index cannot be used afterwards."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _run(self, call: Callable[[], T]) -> T:
        """On our thread, with vendor errors translated once."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, call)
        except CopilotError:
            raise
        # Chroma raises its own errors, pydantic's, its engine's and plain ones for the same causes.
        except Exception as error:
            raise DependencyUnavailable(
                f"the vector index failed: {error}.", hint=_REINDEX, where=str(self._folder)
            ) from error

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._check()
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made again
            self._forget_client()
            self._set_aside()
            self._check()

    def _check(self) -> None:
        """Opens the folder and asks each collection something, which is when damage shows."""
        for collection in self._open_client().list_collections():
            if collection.count():
                collection.peek(1)

    def _take_lock(self) -> None:
        path = self._folder / "owner.lock"
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = path.read_text().strip() or "unknown"
            os.close(self._lock)
            self._lock = None
            raise ConfigurationError(
                f"the index is in use by process {owner}.",
                hint="Stop that process, or ask the running server over its API instead.",
                where=str(self._folder),
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _set_aside(self) -> None:
        for path in self._folder.iterdir():
            if path.name == "owner.lock":
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _open_client(self) -> "ClientAPI":
        if self._client is None:
            import chromadb  # noqa: PLC0415 - costs 0.6 s of start-up time
            from chromadb.config import Settings  # noqa: PLC0415

            self._client = chromadb.PersistentClient(
                path=str(self._folder), settings=Settings(anonymized_telemetry=False)
            )
        client: ClientAPI = self._client
        return client

    def _forget_client(self) -> None:
        from chromadb.api.shared_system_client import SharedSystemClient  # noqa: PLC0415

        if self._client is not None:
            self._client.close()
        # A client that failed to open stays in Chroma's cache by path, and would be handed out again.
        SharedSystemClient.clear_system_cache()
        self._client = None
        self._collections.clear()

    def _collection(self, tenant_id: str) -> "Collection":
        if tenant_id not in self._collections:
            configuration: Any = {"hnsw": _HNSW}
            self._collections[tenant_id] = self._open_client().get_or_create_collection(
                f"{_tenant_prefix(tenant_id)}{self._model}",
                embedding_function=None,
                configuration=configuration,
            )
        return self._collections[tenant_id]

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
            self._collections.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _tenant_prefix(tenant_id: str) -> str:
    return f"t-{hashlib.sha256(tenant_id.encode()).hexdigest()[:24]}-"
