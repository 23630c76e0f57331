"""Vectors to fill an index with, and others to ask it with: of real passages, or made up.

What the nearest neighbours of a vector look like decides how many of them a graph finds. Few passages are
made many in the way in which real ones differ: each is a passage, moved by a share of the difference of two
others that are neighbours. At the size of the real set such vectors have its cosines to the first and tenth
neighbour and its intrinsic dimension, nearly (.65, .44 and 16 beside .70, .47 and 14).
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from bench_ingest import SETS, documents

from copilot.adapters.loaders import loader_for
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.ports import Vectors
from copilot.retrieval.chunking import Chunker, embedded_text
from copilot.retrieval.ingest import identified

REAL = 4_000
"""Passages that are embedded; more would be a little more varied."""
MOVED, NEIGHBOURS = 0.6, 8
NOISE, IN_CLUSTER = 0.8, 5
DIMENSIONS = 384
BLOCK = 50_000


@dataclass(frozen=True)
class VectorSet:
    """What an index holds, and by kind what it is asked."""

    vectors: Vectors
    asked: dict[str, Vectors]


async def embedded(data: Path) -> tuple[Vectors, Vectors]:
    """Passages and questions of the BEIR folders under `data`, as ingest and search embed them; a minute."""
    embedder = MiniLmEmbedder()
    texts = list(islice(_passages(data), REAL))
    passages = await embedder.embed_passages(texts)
    questions = await asyncio.gather(*(embedder.embed_query(text) for text in _questions(data)))
    embedder.close()
    return unit(passages), unit(np.stack(questions))


def enlarged(dice: np.random.Generator, passages: Vectors, size: int) -> Vectors:
    """So many vectors of the kind of `passages`."""
    cosines = passages @ passages.T
    np.fill_diagonal(cosines, -1)
    near = np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    made = np.empty((size, passages.shape[1]), dtype=np.float32)
    for start in range(0, size, BLOCK):
        count = min(BLOCK, size - start)
        first, one = dice.integers(len(passages), size=(2, count))
        second = near[first, dice.integers(NEIGHBOURS, size=count)]
        other = near[one, dice.integers(NEIGHBOURS, size=count)]
        between = dice.uniform(size=(count, 1)).astype(np.float32)
        moved = passages[first] + between * (passages[second] - passages[first])
        made[start : start + count] = unit(moved + MOVED * (passages[one] - passages[other]))
    return made


def real(
    dice: np.random.Generator, passages: Vectors, questions: Vectors, size: int, asked: int
) -> VectorSet:
    """`passages`, enlarged where there are too few; asked with the questions and with passages held back."""
    passages = passages[dice.permutation(len(passages))]
    held, rest = passages[:asked], passages[asked:]
    vectors = rest[:size] if len(rest) >= size else enlarged(dice, rest, size)
    return VectorSet(vectors, {"questions": questions[:asked], "passages": held})


def clusters(dice: np.random.Generator, size: int, asked: int) -> VectorSet:
    """Clusters of five, evenly spread: the nearest ten lie in several, whose distances hardly differ."""
    centres = unit(dice.normal(size=(max(1, size // IN_CLUSTER), DIMENSIONS)))

    def made(count: int) -> Vectors:
        near = centres[dice.integers(len(centres), size=count)]
        return unit(near + NOISE * unit(dice.normal(size=near.shape)))

    return VectorSet(made(size), {"clusters": made(asked)})


def gaussian(dice: np.random.Generator, size: int, asked: int) -> VectorSet:
    """Evenly spread over all directions, as no text is."""
    return VectorSet(
        unit(dice.normal(size=(size, DIMENSIONS))), {"noise": unit(dice.normal(size=(asked, DIMENSIONS)))}
    )


def unit(vectors: Vectors) -> Vectors:
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def _passages(data: Path) -> Iterator[str]:
    loader = loader_for(".md")
    if loader is None:
        raise LookupError(".md")
    chunker = Chunker(TiktokenCounter(), WordPieceCounter())
    for number, content in enumerate(documents(data)):
        for parsed in loader.load(content.encode(), external_id=f"d{number}", source=f"d{number}.md"):
            yield from (embedded_text(passage) for passage in chunker.passages(identified("bench", parsed)))


def _questions(data: Path) -> Iterator[str]:
    for name in SETS:
        path = data / name / "queries.jsonl"
        if not path.is_file():
            raise SystemExit(f"{path} is not there: --data names a folder with {' and '.join(SETS)}.")
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]
