"""What people pick today, to measure search against: BM25, vectors, and reciprocal rank fusion of the two.

Each ranks the same passages with the same words and vectors as our search, exactly and without approximation,
and shares none of its code but the list of stop words. A document stands where its best passage stands.
"""

import re
import sqlite3
from collections.abc import Sequence

import numpy as np

from copilot.domain.knowledge import Passage
from copilot.domain.words import STOP_WORDS
from copilot.ports import Vector, Vectors
from copilot.retrieval.chunking import embedded_text

DEPTH = 200
"""Of each list that is fused."""
RRF_CONSTANT = 60


class PlainRetrieval:
    """`documents` names each passage's document; `vectors` has a row for each passage."""

    def __init__(self, passages: Sequence[Passage], documents: Sequence[str], vectors: Vectors) -> None:
        self._documents = documents
        self._vectors = vectors
        self._words = sqlite3.connect(":memory:")
        self._words.execute("CREATE VIRTUAL TABLE p USING fts5(text, tokenize='porter unicode61')")
        self._words.executemany(
            "INSERT INTO p(rowid, text) VALUES (?, ?)",
            [(row, embedded_text(passage)) for row, passage in enumerate(passages)],
        )

    def bm25(self, text: str) -> list[int]:
        """Rows by BM25 (k1 1.2, b 0.75) of Porter's stems, without stop words (worse with them)."""
        terms = [
            word for word in dict.fromkeys(re.findall(r"[^\W_]+", text.lower())) if word not in STOP_WORDS
        ]
        if not terms:
            return []
        query = " OR ".join(f'"{term}"' for term in terms)
        found = self._words.execute(
            "SELECT rowid FROM p WHERE p MATCH ? ORDER BY rank, rowid LIMIT ?", (query, DEPTH)
        )
        return [row for (row,) in found]

    def dense(self, vector: Vector) -> list[int]:
        """Rows by cosine."""
        return np.argsort(-(self._vectors @ vector), kind="stable")[:DEPTH].tolist()

    def named(self, rows: Sequence[int]) -> list[str]:
        """Their documents, each once, best first."""
        return list(dict.fromkeys(self._documents[row] for row in rows))


def fused(*orders: Sequence[int]) -> list[int]:
    """Reciprocal rank fusion."""
    scores: dict[int, float] = {}
    for order in orders:
        for rank, row in enumerate(order, start=1):
            scores[row] = scores.get(row, 0.0) + 1 / (RRF_CONSTANT + rank)
    return sorted(scores, key=lambda row: -scores[row])
