"""A passage index in memory: exact, and gone with the process."""

from collections.abc import Sequence

import numpy as np

from copilot.ports import Vector, Vectors


class InMemoryPassageIndex:
    """Compares with every vector, so it is right by construction."""

    def __init__(self) -> None:
        self._vectors: dict[str, dict[str, Vector]] = {}
        self._matrices: dict[str, tuple[list[str], Vectors]] = {}

    async def upsert(self, tenant_id: str, passage_ids: Sequence[str], vectors: Vectors) -> None:
        rows = self._vectors.setdefault(tenant_id, {})
        rows.update(zip(passage_ids, np.array(vectors, dtype=np.float32), strict=True))
        self._matrices.pop(tenant_id, None)

    async def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None:
        for identity in passage_ids:
            self._vectors.get(tenant_id, {}).pop(identity, None)
        self._matrices.pop(tenant_id, None)

    async def nearest(self, tenant_id: str, vector: Vector, limit: int) -> list[tuple[str, float]]:
        rows = self._vectors.get(tenant_id, {})
        if not rows:
            return []
        if tenant_id not in self._matrices:
            self._matrices[tenant_id] = (list(rows), np.stack(list(rows.values())))
        names, matrix = self._matrices[tenant_id]
        cosines = matrix @ vector
        best = np.argsort(-cosines, kind="stable")[:limit]
        return [(names[row], float(cosines[row])) for row in best]

    async def settle(self, tenant_id: str) -> None:
        """Nothing to do: every row is compared."""

    async def count(self, tenant_id: str) -> int:
        return len(self._vectors.get(tenant_id, {}))

    async def ids(self, tenant_id: str) -> set[str]:
        return set(self._vectors.get(tenant_id, {}))

    async def drop(self, tenant_id: str) -> None:
        self._vectors.pop(tenant_id, None)
        self._matrices.pop(tenant_id, None)

    async def close(self) -> None:
        """Nothing to release."""
