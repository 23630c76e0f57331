"""The embedding model that the settings name, opened here or on another machine."""

from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.sentence_transformers import SentenceTransformersEmbedder

BUILTIN = "builtin"


def open_model(name: str, *, threads: int | None = None) -> MiniLmEmbedder | SentenceTransformersEmbedder:
    """`builtin`, else a sentence-transformers model; `threads` for passages of the built-in one."""
    if name == BUILTIN:
        return MiniLmEmbedder(bulk_threads=threads)
    return SentenceTransformersEmbedder(name)


def open_on_one_core(name: str) -> MiniLmEmbedder | SentenceTransformersEmbedder:
    """For a worker that shares its machine with as many others as it has cores."""
    return open_model(name, threads=1)
