"""Any sentence-transformers model, by path or name; also the reference that ours is tested against."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.ports import Vector, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH = 8


class SentenceTransformersEmbedder:
    """Runs on one thread of its own; torch uses as many threads as it is configured to.

    Loads at construction (seconds). Raises `ConfigurationError` when the extra `sentence-transformers`
    is not installed or the model cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        self._model = _load(model)
        self._thread = ThreadPoolExecutor(1, "sentence-transformers")
        self._dimensions = int(self._model.get_embedding_dimension() or 0)
        self._model_id = _model_id(model)

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def embed_query(self, text: str) -> Vector:
        vectors = await self._run(self._model.encode_query, [text])
        return np.asarray(vectors[0], dtype=np.float32)

    async def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        vectors: Vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        # sentence-transformers sorts within a call only, so like lengths are brought together here.
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = await self._run(self._model.encode_document, [texts[row] for row in rows])
            if on_progress is not None:
                on_progress(start + len(rows))
        return vectors

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _run(self, encode: Callable[..., object], texts: list[str]) -> Vectors:
        def work() -> Vectors:
            vectors = encode(texts, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
            return np.asarray(vectors, dtype=np.float32)

        if not all(isinstance(text, str) for text in texts):
            raise InvalidInput("every text to embed must be a string.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _load(model: str) -> "SentenceTransformer":
    try:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - an extra, seconds to import
    except ImportError as error:
        raise ConfigurationError(
            "the embedding model needs the extra 'sentence-transformers', which is not installed.",
            hint="Run: pip install 'agent-assist-copilot[sentence-transformers]'.",
            where=model,
        ) from error
    try:
        return SentenceTransformer(model, device="cpu")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"sentence-transformers cannot load this model: {error}",
            hint="Give the folder of a model, or a name that can be downloaded from here.",
            where=model,
        ) from error


def _model_id(model: str) -> str:
    """The name, and for a folder the hash of its weights, so that a retrained model gets new vectors."""
    weights = Path(model) / "model.safetensors"
    if not weights.is_file():
        return f"sentence-transformers:{model}"
    with weights.open("rb") as file:
        return (
            f"sentence-transformers:{Path(model).name}@{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
        )
