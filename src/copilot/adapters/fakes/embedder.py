"""A deterministic `Embedder` without a model: texts that share words get near vectors."""

import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np

from copilot.ports import Vector, Vectors

_WORD = re.compile(r"\w+")


class HashingEmbedder:
    """Every word is hashed to a dimension and a sign; the vector is their normalised sum."""

    def __init__(self, dimensions: int = 256) -> None:
        self._dimensions = dimensions

    @property
    def model_id(self) -> str:
        return f"hashing-{self._dimensions}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def embed_query(self, text: str) -> Vector:
        return self._embed(text)

    async def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        vectors: Vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._embed(text)
            if on_progress is not None:
                on_progress(row + 1)
        return vectors

    def close(self) -> None:
        """Nothing to release."""

    def _embed(self, text: str) -> Vector:
        vector: Vector = np.zeros(self._dimensions, dtype=np.float32)
        # A small constant part keeps a text without words, and words that cancel out, at unit length.
        vector[0] = 0.01
        for word in _WORD.findall(text.lower()):
            number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
            vector[number // 2 % self._dimensions] += 1.0 if number % 2 else -1.0
        if not vector.any():
            vector[0] = 1.0
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
