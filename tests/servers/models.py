"""Embedding models that Ray's workers open by name."""

import asyncio
from pathlib import Path
from uuid import uuid4

import numpy as np

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.minilm import MiniLmEmbedder


class OtherModel(HashingEmbedder):
    @property
    def model_id(self):
        return "other"


class HalfBroken(HashingEmbedder):
    async def embed_passages(self, texts, on_progress=None):
        raise MemoryError("no room for this model")


class Noted(MiniLmEmbedder):
    """Takes its time over a block, and leaves a file that says whether it came to the end."""

    def __init__(self, folder):
        super().__init__(bulk_threads=1)
        self._folder = Path(folder)

    async def embed_passages(self, texts, on_progress=None):
        note = self._folder / f"{uuid4()}.begun"
        note.touch()
        await asyncio.sleep(1)
        vectors = await super().embed_passages(texts, on_progress)
        note.rename(note.with_suffix(".ended"))
        return vectors


def open_hashing(dimensions):
    return HashingEmbedder(int(dimensions))


def open_other(_name):
    return OtherModel()


def open_broken(_name):
    return HalfBroken()


def cosines(ours, theirs):
    return np.sum(ours * theirs, axis=1)


def open_noted(folder):
    return Noted(folder)
