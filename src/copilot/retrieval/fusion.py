"""One score of what keywords and vectors say of each passage.

Scores are fused, not ranks, which throw away how much better one passage is than the next. Neither side has a
fixed say: keywords count by how much of the question the passage answers to, so that they are loud where the
customer uses the article's words and quiet where the question is a rephrasing (docs/decisions/0011).
"""

import math

import numpy as np

from copilot.ports import Vector, Vectors

KEYWORD_WEIGHT = 0.4
EXPECTED_WORDS = 8
"""More of a question's words no passage is expected to have."""
COVERAGE_WEIGHT = 0.1
FEEDBACK_WEIGHT = 0.25
FEEDBACK_PASSAGES = 3
"""How many of the best passages the others are compared with (pseudo-relevance feedback)."""

_SATURATION = 2.2
"""The most that BM25 gives one word, in units of how telling it is (k1 + 1)."""
_TYPICAL_WORTH = 0.6
"""How telling a typical asked word is, as a share of the most telling: log of the number of passages."""


def first_scores(cosines: Vector, shares: Vector) -> Vector:
    """From what both sides found, before anything is read."""
    return cosines + KEYWORD_WEIGHT * shares


def final_scores(first: Vector, coverage: Vector, vectors: Vectors | None = None) -> tuple[Vector, Vector]:
    """With the words that the passages have and what the best of them vouch for; and the likeness to those.

    `vectors` has a row for each score. None means that the best vouch for nothing, as after a short question:
    what its best three share is as often a product's name as the matter asked about.
    """
    scores = np.asarray(first + COVERAGE_WEIGHT * coverage, dtype=np.float32)
    if vectors is None:
        return scores, np.zeros_like(scores)
    best = np.argsort(-scores, kind="stable")[:FEEDBACK_PASSAGES]
    middle = vectors[best].mean(axis=0)
    likeness = vectors @ (middle / max(float(np.linalg.norm(middle)), 1e-9))
    return np.asarray(scores + FEEDBACK_WEIGHT * likeness, dtype=np.float32), likeness


def keyword_share(bm25: Vector, asked_words: int, passages: int) -> Vector:
    """BM25 as a share of what a passage would get that has as many of the asked words as can be expected."""
    words = min(EXPECTED_WORDS, max(1, asked_words))
    return bm25 / (_SATURATION * words * _TYPICAL_WORTH * math.log(2 + passages))
