"""What an index does with a Chroma client, embedded or a server's: one collection per tenant and model."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot.ports import Vector, Vectors

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

HNSW: dict[str, Any] = {
    "space": "cosine",
    "ef_search": 128,
    # Chroma writes its index file every `sync_threshold` vectors, and a kill while it does so ruins the
    # collection for good; until then everything lies in its SQLite log, which survives.
    "sync_threshold": 100_000,
    "num_threads": 1,
}
_WRITE_BATCH = 2_000
_READ_BATCH = 50_000

Scored = list[tuple[str, float]]
"""(passage id, cosine), best first."""


class ChromaCollections:
    """Blocking; any thread. `open_client` is called at the first use."""

    def __init__(self, open_client: "Callable[[], ClientAPI]", model_id: str) -> None:
        self._open_client = open_client
        # Vectors of two models are never compared: each model has its own collections.
        self._model = hashlib.sha256(model_id.encode()).hexdigest()[:12]
        self._collections: dict[str, Collection] = {}

    def upsert(self, tenant_id: str, passage_ids: Sequence[str], vectors: Vectors) -> None:
        collection = self.of(tenant_id)
        for start in range(0, len(passage_ids), _WRITE_BATCH):
            part = slice(start, start + _WRITE_BATCH)
            collection.upsert(ids=list(passage_ids[part]), embeddings=vectors[part])

    def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None:
        collection = self.of(tenant_id)
        for start in range(0, len(passage_ids), _WRITE_BATCH):
            collection.delete(ids=list(passage_ids[start : start + _WRITE_BATCH]))

    def nearest(self, tenant_id: str, vectors: Sequence[Vector], limit: int) -> list[Scored]:
        """For each vector."""
        found = self.of(tenant_id).query(
            query_embeddings=np.stack(vectors), n_results=limit, include=["distances"]
        )
        distances = found["distances"] or [[] for _ in vectors]
        return [
            [(name, 1.0 - float(far)) for name, far in zip(names, row, strict=True)]
            for names, row in zip(found["ids"], distances, strict=True)
        ]

    def count(self, tenant_id: str) -> int:
        return self.of(tenant_id).count()

    def ids(self, tenant_id: str) -> set[str]:
        collection = self.of(tenant_id)
        found: set[str] = set()
        while part := collection.get(include=[], limit=_READ_BATCH, offset=len(found))["ids"]:
            found.update(part)
            if len(part) < _READ_BATCH:
                break
        return found

    def drop(self, tenant_id: str) -> None:
        client = self._open_client()
        prefix = _tenant_prefix(tenant_id)
        self._collections.pop(tenant_id, None)
        for collection in client.list_collections():
            if collection.name.startswith(prefix):
                client.delete_collection(collection.name)

    def of(self, tenant_id: str) -> "Collection":
        if tenant_id not in self._collections:
            configuration: Any = {"hnsw": HNSW}
            self._collections[tenant_id] = self._open_client().get_or_create_collection(
                f"{_tenant_prefix(tenant_id)}{self._model}",
                embedding_function=None,
                configuration=configuration,
            )
        return self._collections[tenant_id]

    def forget(self) -> None:
        """Looks every collection up again at its next use."""
        self._collections.clear()


def _tenant_prefix(tenant_id: str) -> str:
    return f"t-{hashlib.sha256(tenant_id.encode()).hexdigest()[:24]}-"
