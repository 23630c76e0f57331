"""A question as search needs it: its words, and its vectors in the context it was asked in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from copilot.domain.knowledge import SearchQuery
from copilot.domain.words import content_words, stem, words
from copilot.ports import Embedder, Vector, Vectors
from copilot.ports import trace_names as names
from copilot.ports.tracing import span
from copilot.retrieval.sentences import split_sentences

SHORT_TURN = 3
"""In words that say something: a turn of no more leans on the turns before ("and for gold members?")."""
HISTORY_WEIGHT = 0.3
SHORT_TURN_HISTORY_WEIGHT = 0.6
"""Of the turn before the last in the query's vector; each earlier one has `HISTORY_DECAY` of the next."""
HISTORY_DECAY = 0.6
HISTORY_TURNS = 4
"""How many turns a query leans on."""

LONG_WORDS = 120
"""From here on a text asks several things, and one vector of it means none of them."""
PARTS = 8
_SHORT_PART = 6
_POWER = 3


@dataclass(frozen=True)
class Question:
    """Vectors are of unit length; `parts` has a row for each sentence that a long text is searched by."""

    in_context: Vector
    parts: Vectors
    stems: frozenset[str]

    def cosines(self, vectors: Vectors) -> Vector:
        """Of each row, to the question in its context.

        Of a long text, the power mean over its parts: near to some counts more than a little near to all.
        """
        if len(self.parts):
            near = np.maximum(vectors @ self.parts.T, 0.0)
            return np.asarray((near**_POWER).mean(axis=1) ** (1 / _POWER), dtype=np.float32)
        return vectors @ self.in_context


async def read_question(query: SearchQuery, embedder: Embedder) -> Question:
    """Earlier turns pull the vector towards what the last one leans on, the shorter it is the more."""
    stems = frozenset(stem(word) for word in content_words(query.text))
    parts = telling_parts(query.text)
    if parts:
        vectors = np.stack(await _embedded(embedder, parts))
        middle = _unit(vectors.mean(axis=0))
        return Question(in_context=middle, parts=vectors, stems=stems)
    history = [turn for turn in query.history if words(turn)][-HISTORY_TURNS:]
    last, *earlier = await _embedded(embedder, [query.text, *reversed(history)])
    blend = last.copy()
    weight = SHORT_TURN_HISTORY_WEIGHT if len(stems) <= SHORT_TURN else HISTORY_WEIGHT
    for age, vector in enumerate(earlier):
        blend += weight * HISTORY_DECAY**age * vector
    nothing: Vectors = np.empty((0, len(last)), dtype=np.float32)
    return Question(in_context=_unit(blend), parts=nothing, stems=stems)


def is_long(text: str) -> bool:
    return len(text.split()) >= LONG_WORDS


def telling_parts(text: str) -> list[str]:
    """Of a long text a few sentences that each say much that the others do not, in few words; else none."""
    if not is_long(text):
        return []
    sentences = list(dict.fromkeys(text[start:end] for start, end in split_sentences(text)))
    said = {sentence: {stem(word) for word in content_words(sentence)} for sentence in sentences}
    chosen: list[str] = []
    known: set[str] = set()
    while len(chosen) < min(PARTS, len(sentences)):
        best = max(said, key=lambda s: len(said[s] - known) / (_SHORT_PART + len(s.split())) ** 0.5)
        if said[best] <= known:
            break
        chosen.append(best)
        known |= said.pop(best)
    return chosen if len(chosen) > 1 else []


async def _embedded(embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
    with span(names.EMBED, attributes={names.REQUEST_MODEL: embedder.model_id}):
        if len(texts) == 1:
            return [await embedder.embed_query(texts[0])]
        return list(await asyncio.gather(*(embedder.embed_query(text) for text in texts)))


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)
