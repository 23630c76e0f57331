"""What the knowledge store needs of an engine's full text: SQLite's FTS5, or PostgreSQL's text vectors."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class Words(Protocol):
    """Keeps the words of a tenant's passages, within the caller's transaction."""

    async def create(self, connection: AsyncConnection, tenant_id: str) -> None:
        """Before anything is added."""

    async def add(self, connection: AsyncConnection, tenant_id: str, document_ids: Sequence[str]) -> None:
        """The words of the documents' passages."""

    async def remove(self, connection: AsyncConnection, tenant_id: str, rows: Sequence[int]) -> None:
        """Before the passages are deleted."""


class Keywords(Protocol):
    """BM25 over each tenant's passages."""

    async def match(
        self, tenant_id: str, query: str, limit: int, *, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]: ...

    def forget(self, tenant_id: str) -> None:
        """After every write to a tenant's passages."""

    async def close(self) -> None: ...
