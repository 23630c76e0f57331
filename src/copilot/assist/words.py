"""Words as they are compared: lower case, without endings, without function words."""

import re
from functools import lru_cache

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:[.,]\d+)*", re.IGNORECASE)
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "so",
        "if",
        "then",
        "than",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "into",
        "of",
        "on",
        "off",
        "to",
        "with",
        "without",
        "about",
        "over",
        "under",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "done",
        "have",
        "has",
        "had",
        "can",
        "could",
        "will",
        "would",
        "shall",
        "should",
        "may",
        "might",
        "must",
        "i",
        "me",
        "my",
        "mine",
        "we",
        "us",
        "our",
        "you",
        "your",
        "yours",
        "he",
        "she",
        "it",
        "its",
        "they",
        "them",
        "their",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "what",
        "which",
        "who",
        "whom",
        "when",
        "where",
        "why",
        "how",
        "not",
        "no",
        "nor",
        "also",
        "just",
        "very",
        "too",
        "again",
        "please",
        "hello",
        "hi",
        "hey",
        "thanks",
        "thank",
        "im",
        "i'm",
        "i'd",
        "i've",
        "it's",
        "that's",
        "don't",
        "doesn't",
        "didn't",
        "can't",
        "won't",
        "get",
        "got",
        "let",
        "any",
        "some",
        "all",
    ]
)
_ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "edly", "ies", "ied", "ed", "es", "ly", "s")
_SHORTEST_STEM = 3


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A light suffix stripper: enough to match "returns", "returned" and "returning"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)]
            if ending in {"ies", "ied"}:
                word += "y"
            break
    if len(word) > _SHORTEST_STEM and word.endswith("e"):
        word = word[:-1]
    return word[:-1] if len(word) > _SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "ls" else word


@lru_cache(maxsize=8192)
def content_words(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    words = (w.lower() for w in _WORD.findall(text))
    return frozenset(stem(w) for w in words if w not in _STOP)


def overlap(query: str, text: str) -> float:
    """The share of the query's content words that occur in `text`, 0..1."""
    wanted = content_words(query)
    return len(wanted & content_words(text)) / len(wanted) if wanted else 0.0


def similarity(left: str, right: str) -> float:
    """Jaccard similarity of content words, 0..1."""
    a, b = content_words(left), content_words(right)
    return len(a & b) / len(a | b) if a | b else 0.0


def plain(text: str) -> str:
    """Lower case, single spaces, no punctuation at the ends: for "has this been said already?"."""
    return re.sub(r"\W+", " ", text).strip().casefold()
