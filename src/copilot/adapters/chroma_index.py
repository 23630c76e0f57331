"""Chroma inside this process: one collection per tenant, in a folder that only this process may use.

Everything here is derived from SQL. A folder that cannot be opened is begun anew, empty; whoever opened it
compares ids with the store and fills it again (`Ingestor.heal`).
"""

import asyncio
import fcntl
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from copilot.adapters.chroma_collections import ChromaCollections, Scored
from copilot.adapters.micro_batch import MicroBatcher
from copilot.domain.errors import ConfigurationError, CopilotError, IndexDamaged
from copilot.ports import Vector, Vectors

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

T = TypeVar("T")

_REINDEX = "Run `copilot reindex`; nothing is lost, the index is made from the database."
_QUERIES_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class _Question:
    tenant_id: str
    vector: Vector
    limit: int


class IndexInUse(ConfigurationError):
    """Another process owns it."""


class ChromaIndex:
    """The PassageIndex port. Build with `open`.

    What writes runs on one thread, in order; questions that wait at the same moment are asked together on
    another, so they do not wait for a bulk write.
    """

    def __init__(self, folder: Path, model_id: str) -> None:
        self._folder = folder
        self.collections = ChromaCollections(self._open_client, model_id)
        self._thread = ThreadPoolExecutor(1, "chroma")
        self._questions: MicroBatcher[_Question, Scored] = MicroBatcher(
            self._answer, limit=_QUERIES_AT_ONCE, name="chroma-query"
        )
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
        await self._run(lambda: self.collections.upsert(tenant_id, passage_ids, vectors))

    async def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None:
        await self._run(lambda: self.collections.delete(tenant_id, passage_ids))

    async def nearest(self, tenant_id: str, vector: Vector, limit: int) -> Scored:
        try:
            return await self._questions.submit(_Question(tenant_id, vector, limit))
        except CopilotError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    async def settle(self, tenant_id: str) -> None:
        """Nothing to do: Chroma sees to its graph as it is written."""

    async def count(self, tenant_id: str) -> int:
        return await self._run(lambda: self.collections.count(tenant_id))

    async def ids(self, tenant_id: str) -> set[str]:
        return await self._run(lambda: self.collections.ids(tenant_id))

    async def drop(self, tenant_id: str) -> None:
        await self._run(lambda: self.collections.drop(tenant_id))

    async def close(self) -> None:
        """Lets the folder go. The index cannot be used afterwards."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._questions.close)
        await loop.run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _answer(self, questions: Sequence[_Question]) -> list[Scored]:
        """Together those of one tenant that want as many."""
        groups: dict[tuple[str, int], list[_Question]] = {}
        for question in questions:
            groups.setdefault((question.tenant_id, question.limit), []).append(question)
        answers: dict[int, Scored] = {}
        for (tenant_id, limit), group in groups.items():
            found = self.collections.nearest(tenant_id, [question.vector for question in group], limit)
            answers |= {id(question): scored for question, scored in zip(group, found, strict=True)}
        return [answers[id(question)] for question in questions]

    async def _run(self, call: Callable[[], T]) -> T:
        """On our thread, with vendor errors translated once."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, call)
        except CopilotError:
            raise
        # Chroma raises its own errors, pydantic's, its engine's and plain ones for the same causes.
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> IndexDamaged:
        return IndexDamaged(f"the vector index failed: {error}.", hint=_REINDEX, where=str(self._folder))

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
            raise IndexInUse(
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
        self.collections.forget()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
            self.collections.forget()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
