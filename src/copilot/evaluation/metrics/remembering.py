"""Embeds each text once, for metrics that ask about the same sentences."""

from collections.abc import Callable, Sequence

import numpy as np

from copilot.ports import Embedder, Vector, Vectors

_REMEMBERED = 20_000


class Remembering:
    """An `Embedder` in front of another; forgets everything when it holds too much."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, Vector] = {}

    @property
    def model_id(self) -> str:
        return self._embedder.model_id

    @property
    def dimensions(self) -> int:
        return self._embedder.dimensions

    async def embed_query(self, text: str) -> Vector:
        return await self._embedder.embed_query(text)

    async def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        missing = [t for t in dict.fromkeys(texts) if t not in self._vectors]
        if len(self._vectors) + len(missing) > _REMEMBERED:
            self._vectors.clear()
            missing = list(dict.fromkeys(texts))
        if missing:
            rows = await self._embedder.embed_passages(missing, on_progress)
            self._vectors.update(zip(missing, rows, strict=True))
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return np.stack([self._vectors[t] for t in texts])
