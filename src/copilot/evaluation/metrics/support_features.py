"""What is measured of a reply and the texts it was to rest on, without a language model.

Words are compared as stems. "Plain" words are function words and small talk, which any text shares; a run is
a longest stretch of the reply's words that stands in the contexts in the same order.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from copilot.assist.details import details, foreign_details, straight
from copilot.assist.words import content_words, stem
from copilot.ports import Vector, Vectors
from copilot.retrieval.sentences import split_sentences

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:[.,]\d+)*")
_SPLIT_NEGATION = re.compile(r"\s+n't\b")
_SMALL_TALK = """
    yes yeah yep yea no nope okay ok oh ah well haha lol sure right even really n't t s d ll ve re m
"""
_PLAIN = frozenset(_SMALL_TALK.split())
_FIRST_PERSON = frozenset(
    {"i", "me", "my", "mine", "we", "us", "our", "myself", "i'm", "i've", "i'd", "i'll"}
)
_ABSTAINS = re.compile(
    r"\b(?:do|does|did|is|are|was|were|has|have|had|can|could)(?:n't|\s?not)\b.{0,60}"
    r"\b(?:information|specific|mention|provide|detail|answer|know|find|context|document|text|passage|available)"
    r"|\b(?:unable|not able) to (?:find|answer|provide)"
    r"|\bno (?:specific |further |additional )?(?:information|mention|details?)\b",
    re.IGNORECASE,
)
SENTENCE_FEATURES = (
    "words_in", "content_in", "cosine", "runs", "longest_run", "run_count", "plain", "novel", "novel_unsaid",
    "foreign_numbers", "foreign_names", "first_person", "some_first_person", "question", "addresses",
)  # fmt: skip
_WORST_IS_LEAST = ("words_in", "content_in", "cosine", "runs", "longest_run")
_WORST_IS_MOST = (
    "novel",
    "novel_unsaid",
    "foreign_numbers",
    "foreign_names",
    "some_first_person",
    "question",
)
REPLY_FEATURES = ("sentences", "length", "source_length", "said_before")
FEATURES = (
    *SENTENCE_FEATURES,
    *(f"worst_{name}" for name in (*_WORST_IS_LEAST, *_WORST_IS_MOST)),
    *REPLY_FEATURES,
)
_MOST_NOVEL, _MOST_FOREIGN = 6, 3


@dataclass(frozen=True)
class SentenceReading:
    """One sentence of a reply: its features, the context sentence nearest in meaning, and its weight."""

    text: str
    evidence: str
    features: Mapping[str, float]
    weight: float
    abstains: bool

    @property
    def support(self) -> float:
        """0..1: half the share of its words that the contexts have, half the nearest sentence's cosine."""
        return 0.5 * self.features["words_in"] + 0.5 * max(0.0, self.features["cosine"])


@dataclass(frozen=True)
class Source:
    """The contexts, prepared once for all sentences."""

    sentences: tuple[str, ...]
    vectors: Vectors
    words: tuple[str, ...]
    known: frozenset[str]
    places: Mapping[str, tuple[int, ...]]
    text: str


def sentences_of(text: str) -> tuple[str, ...]:
    """Those with a word in them; the whole text when there is none."""
    found = tuple(text[a:b] for a, b in split_sentences(text))
    return tuple(s for s in found if _WORD.search(s.lower())) or ((text,) if text.strip() else ())


def context_sentences(contexts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s for context in contexts for s in sentences_of(context)))


def source_of(contexts: Sequence[str], sentences: tuple[str, ...], vectors: Vectors) -> Source:
    """`vectors` has a row for each of `sentences`, which are `context_sentences(contexts)`."""
    words = tuple(stem(w) for context in contexts for w in _words(context))
    places: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(words):
        places[word].append(place)
    return Source(
        sentences=sentences,
        vectors=vectors,
        words=words,
        known=frozenset(words),
        places={word: tuple(found) for word, found in places.items()},
        text="\n".join(contexts),
    )


def read_sentence(sentence: str, vector: Vector, source: Source, said: frozenset[str]) -> SentenceReading:
    """`vector` is its unit embedding, `said` the stems of the conversation's words."""
    plain_text = _words(sentence)
    stems = [stem(w) for w in plain_text]
    content = [stem(w) for w in plain_text if not _is_plain(w)]
    count = max(1, len(stems))
    novel = [w for w in content if w not in source.known]
    runs = _runs(stems, source)
    cosines = source.vectors @ vector if len(source.sentences) else np.zeros(1)
    nearest = int(np.argmax(cosines))
    foreign = foreign_details(sentence, source.text)
    written = {d.text for d in details(sentence)}
    first_person = sum(w in _FIRST_PERSON for w in plain_text)
    features = {
        "words_in": sum(w in source.known for w in stems) / count,
        "content_in": 1 - len(novel) / len(content) if content else 1.0,
        "cosine": float(cosines[nearest]),
        "runs": math.sqrt(sum(r * r for r in runs)) / count,
        "longest_run": max(runs, default=0) / count,
        "run_count": len(runs) / count,
        "plain": sum(_is_plain(w) for w in plain_text) / count,
        "novel": min(len(novel), _MOST_NOVEL),
        "novel_unsaid": min(sum(w not in said for w in novel), _MOST_NOVEL),
        "foreign_numbers": min(sum(f in written for f in foreign), _MOST_FOREIGN),
        "foreign_names": min(sum(f not in written for f in foreign), _MOST_FOREIGN),
        "first_person": first_person / count,
        "some_first_person": float(first_person > 0),
        "question": float("?" in sentence),
        "addresses": float(any(w in {"you", "your", "yours"} for w in plain_text)),
    }
    return SentenceReading(
        text=sentence,
        evidence=source.sentences[nearest] if source.sentences else "",
        features=features,
        weight=float(max(1, len(content))),
        abstains=bool(_ABSTAINS.search(straight(sentence))),
    )


def reply_features(
    sentences: Sequence[SentenceReading], source: Source, said: frozenset[str]
) -> dict[str, float]:
    """Means over the sentences by weight, the worst sentence of each, and the reply's own."""
    weights = np.array([s.weight for s in sentences]) / sum(s.weight for s in sentences)
    rows = {name: np.array([s.features[name] for s in sentences]) for name in SENTENCE_FEATURES}
    found = {name: float(weights @ row) for name, row in rows.items()}
    found |= {f"worst_{name}": float(rows[name].min()) for name in _WORST_IS_LEAST}
    found |= {f"worst_{name}": float(rows[name].max()) for name in _WORST_IS_MOST}
    words = [w for s in sentences for w in _words(s.text)]
    content = [stem(w) for w in words if not _is_plain(w)]
    found["sentences"] = math.log1p(len(sentences))
    found["length"] = math.log1p(len(words))
    found["source_length"] = math.log1p(len(source.words))
    found["said_before"] = sum(w in said for w in content) / max(1, len(content))
    return found


def stems_of(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(stem(w) for text in texts for w in _words(text))


def _words(text: str) -> list[str]:
    return _WORD.findall(_SPLIT_NEGATION.sub("n't", straight(text).lower()))


@lru_cache(maxsize=65536)
def _is_plain(word: str) -> bool:
    return word in _PLAIN or not content_words(word)


def _runs(stems: Sequence[str], source: Source) -> list[int]:
    """Lengths of the runs, the longest taken first from the left."""
    found, at = [], 0
    while at < len(stems):
        longest = 0
        for place in source.places.get(stems[at], ()):
            length = 0
            while (
                at + length < len(stems)
                and place + length < len(source.words)
                and stems[at + length] == source.words[place + length]
            ):
                length += 1
            longest = max(longest, length)
        if longest:
            found.append(longest)
        at += max(1, longest)
    return found
