"""Picks the sentence of a passage that answers, verbatim and with its place in the document.

Words decide first; meaning helps where the passage's sentences were embedded before (`warm`), so that picking
never waits for the model.
"""

import hashlib
import math
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from copilot.domain.knowledge import Citation, Passage, ScoredPassage
from copilot.domain.words import content_words, stem, words
from copilot.ports import Embedder, Vector
from copilot.retrieval.sentences import split_sentences

_CACHE = 4096
_MEANING_WEIGHT = 1.0
_HEADING_WEIGHT = 0.3
_QUANTITY_BONUS = 0.25
_ASKS_QUANTITY = frozenset({"how", "when", "many", "much", "long", "cost", "costs", "price", "fee", "until"})
_MIN_WORDS = 3


@dataclass(frozen=True)
class Quote:
    """Characters `start` to `end` of the document; `score` compares sentences of one question."""

    text: str
    start: int
    end: int
    score: float


class QuotePicker:
    """Keeps vectors of sentences it has seen; picking itself is pure and takes well under a millisecond."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[str, Vector] = OrderedDict()

    def best_sentences(
        self, question: str, passage: Passage, *, limit: int = 1, query_vector: Vector | None = None
    ) -> list[Quote]:
        """The `limit` best sentences in reading order, by the question's words and, if known, meaning."""
        spans = split_sentences(passage.text)
        texts = [passage.text[start:end] for start, end in spans]
        scores = _word_scores(question, passage.context, texts)
        if query_vector is not None:
            for row, text in enumerate(texts):
                vector = self._vectors.get(_key(text))
                scores[row] += _MEANING_WEIGHT * float(vector @ query_vector) if vector is not None else 0.0
        shift = passage.start + (passage.end - passage.start) - len(passage.text)
        quotes = [
            Quote(text, start + shift, end + shift, score)
            for text, (start, end), score in zip(texts, spans, scores, strict=True)
            # The header that a part of a long table repeats stands elsewhere in the document.
            if start + shift >= passage.start
        ]
        best = sorted(quotes, key=lambda quote: (-quote.score, quote.start))[:limit]
        return sorted(best, key=lambda quote: quote.start)

    async def warm(self, passages: Sequence[Passage]) -> int:
        """Embeds sentences of these passages not known yet; returns how many. For idle moments."""
        texts = {
            _key(passage.text[start:end]): passage.text[start:end]
            for passage in passages
            for start, end in split_sentences(passage.text)
        }
        missing = {key: text for key, text in texts.items() if key not in self._vectors}
        if missing:
            vectors = await self._embedder.embed_passages(list(missing.values()))
            for key, vector in zip(missing, vectors, strict=True):
                self._vectors[key] = np.array(vector)
        for key in texts:
            self._vectors.move_to_end(key)
        while len(self._vectors) > _CACHE:
            self._vectors.popitem(last=False)
        return len(missing)


def citation(found: ScoredPassage, quote: Quote) -> Citation:
    """The quote with all that is needed to find and to show it again."""
    passage, document = found.passage, found.document
    return Citation(
        passage_id=passage.id,
        document_id=document.id,
        external_id=document.external_id,
        title=document.title,
        version=document.version,
        heading_path=passage.heading_path,
        clause=passage.clause,
        page=passage.page,
        quote=quote.text,
        start=quote.start,
        end=quote.end,
        audience=document.audience,
        source=document.source,
    )


def _word_scores(question: str, context: str, sentences: Sequence[str]) -> list[float]:
    """Shares of the question's words, each worth more the fewer sentences have it."""
    asked = {stem(word) for word in content_words(question)}
    wants_quantity = not _ASKS_QUANTITY.isdisjoint(words(question))
    found = [{stem(word) for word in words(sentence)} for sentence in sentences]
    frequency = Counter(term for terms in found for term in terms & asked)
    worth = {term: math.log(1 + len(sentences) / (1 + frequency[term])) + 0.1 for term in asked}
    total = sum(worth.values()) or 1.0
    headed = {stem(word) for word in words(context)} & asked
    scores = []
    for sentence, terms in zip(sentences, found, strict=True):
        score = sum(worth[term] for term in terms & asked) / total
        # What the heading says already holds for every sentence below it.
        score += _HEADING_WEIGHT * sum(worth[term] for term in headed - terms) / total
        if wants_quantity and any(character.isdigit() for character in sentence):
            score += _QUANTITY_BONUS
        scores.append(score if len(words(sentence)) >= _MIN_WORDS else score / 2)
    return scores


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
