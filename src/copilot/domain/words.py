"""The words of a text, as keyword search sees them."""

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_MIN_STEM = 3

_STOP_WORDS = """
    a about above after again all also am an and any are as at be because been before being below
    between both but by can could d did do does doing don down during each few for from further get had
    has have having he hello her here hers hi him his how i if in into is it its itself just ll m me
    more most my no nor not now of off on once only or other our ours out over own please re s same she
    should so some such t than thank thanks that the their theirs them then there these they this those
    through to too under until up us ve very was we were what when where which while who whom why will
    with would you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that say nothing about the topic, in English."""


def words(text: str) -> list[str]:
    """Runs of letters and digits, lower-cased, in order."""
    return _WORD.findall(text.lower())


def content_words(text: str) -> list[str]:
    """The distinct words that are not stop words, in order; all words when none would be left."""
    found = dict.fromkeys(words(text))
    return [word for word in found if word not in STOP_WORDS] or list(found)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without the commonest English endings: enough to see that two forms are one word."""
    for ending in ("ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            return word[: -len(ending)]
    return word
