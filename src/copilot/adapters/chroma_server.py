"""A Chroma server, by URL: the same collections as embedded, shared by any number of processes.

The server knows no users, so it belongs on loopback or behind a proxy that asks who calls.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from copilot.adapters.chroma_collections import ChromaCollections, Scored
from copilot.domain.errors import ConfigurationError, CopilotError, DependencyUnavailable
from copilot.ports import Vector, Vectors

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

T = TypeVar("T")

_THREADS = 8
"""Requests at once; each waits for the server, not for this machine's cores."""
_PORTS = {"http": 8000, "https": 443}
_HINT = "Check that the Chroma server runs there, and COPILOT_INDEX_URL."


class ChromaServerIndex:
    """The PassageIndex port. Build with `open`."""

    def __init__(self, url: str, model_id: str) -> None:
        self._url = url
        self._collections = ChromaCollections(self._open_client, model_id)
        self._threads = ThreadPoolExecutor(_THREADS, "chroma-server")
        self._client: Any = None  # chromadb's types leave out close()

    @classmethod
    async def open(cls, url: str, model_id: str) -> Self:
        """`ConfigurationError` when it is no URL, `DependencyUnavailable` when no Chroma answers there."""
        index = cls(url, model_id)
        try:
            await index._run(index._open_client)
        except BaseException:
            await index.close()
            raise
        return index

    async def upsert(self, tenant_id: str, passage_ids: Sequence[str], vectors: Vectors) -> None:
        await self._run(lambda: self._collections.upsert(tenant_id, passage_ids, vectors))

    async def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None:
        if passage_ids:
            await self._run(lambda: self._collections.delete(tenant_id, passage_ids))

    async def nearest(self, tenant_id: str, vector: Vector, limit: int) -> Scored:
        return (await self._run(lambda: self._collections.nearest(tenant_id, [vector], limit)))[0]

    async def settle(self, tenant_id: str) -> None:
        """Nothing to do: Chroma sees to its graph as it is written."""

    async def count(self, tenant_id: str) -> int:
        return await self._run(lambda: self._collections.count(tenant_id))

    async def ids(self, tenant_id: str) -> set[str]:
        return await self._run(lambda: self._collections.ids(tenant_id))

    async def drop(self, tenant_id: str) -> None:
        await self._run(lambda: self._collections.drop(tenant_id))

    async def close(self) -> None:
        """Ends the connections. The index cannot be used afterwards."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._client is not None:
            # Chroma's own close leaves its connections open, those of the client inside it too.
            with suppress(AttributeError):
                for client in (self._client, self._client._admin_client):  # noqa: SLF001
                    client._server._session.close()  # noqa: SLF001
            self._client.close()
            self._client = None

    async def _run(self, call: Callable[[], T]) -> T:
        """On one of our threads, with vendor errors translated once.

        Tried again once when another process has dropped the collection, which then is another one.
        """
        loop = asyncio.get_running_loop()
        try:
            try:
                return await loop.run_in_executor(self._threads, call)
            except Exception as error:
                if type(error).__name__ != "NotFoundError":
                    raise
                self._collections.forget()
                return await loop.run_in_executor(self._threads, call)
        except CopilotError:
            raise
        # Chroma's client raises its own errors, httpx's, and plain ones for the same causes.
        except Exception as error:
            raise DependencyUnavailable(
                f"the Chroma server failed: {error}", hint=_HINT, where=self._url
            ) from error

    def _open_client(self) -> "ClientAPI":
        if self._client is None:
            import chromadb  # noqa: PLC0415 - costs 0.6 s of start-up time
            from chromadb.config import Settings  # noqa: PLC0415

            scheme, host, port = self._address()
            self._client = chromadb.HttpClient(
                host=host, port=port, ssl=scheme == "https", settings=Settings(anonymized_telemetry=False)
            )
        client: ClientAPI = self._client
        return client

    def _address(self) -> tuple[str, str, int]:
        try:
            parts = urlsplit(self._url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            scheme, host, port = "", None, None
        if scheme not in _PORTS or not host:
            raise ConfigurationError(
                "this is not the address of a Chroma server.",
                hint="Expected http://HOST:PORT.",
                where=f"COPILOT_INDEX_URL={self._url}",
            )
        return scheme, host, port or _PORTS[scheme]
