"""What a sentence states in figures: amounts of money, percentages, days of the calendar, and "18 months".

Unlike search's own look at conflicts, which must be quick and knows a few units of time, any noun after a
number is a unit here: "60 brews" and "100 brews" are held against each other too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from copilot.domain.knowledge import Passage
from copilot.domain.words import content_words, stem
from copilot.retrieval.sentences import split_sentences

_NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = r"(?P<month>" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + r")\.?"
_DATE = re.compile(
    r"\b(?P<iso>\d{4}-\d{2}-\d{2})\b|"
    rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year>\d{{4}}))?",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"(?P<money>[$€£]\s?\d[\d,]*(?:\.\d+)?)|"
    r"\b(?P<percent>\d+(?:\.\d+)?)\s?(?:%|percent\b)|"
    r"(?<![\w.§$€£-])(?P<value>\d[\d,]*(?:\.\d+)?|" + "|".join(_NUMBER_WORDS) + r")"
    r"(?:\s*(?:[-–]|to|or)\s*(?P<upto>\d+|" + "|".join(_NUMBER_WORDS) + r"))?"
    r"(?:\s+|-)(?:business |calendar |working |full |more |such )?(?P<unit>[a-z]{3,})\b",
    re.IGNORECASE,
)
_NO_UNITS = frozenset(
    [
        "and",
        "the",
        "for",
        "from",
        "with",
        "per",
        "are",
        "was",
        "were",
        "will",
        "can",
        "has",
        "have",
        "that",
        "this",
        "but",
        "not",
        "you",
        "your",
        "our",
        "its",
        "more",
        "less",
        "than",
        "other",
        "others",
        "thing",
        "things",
        "way",
        "ways",
        "one",
        "ones",
        "time",
        "times",
        "step",
        "steps",
        "who",
        "out",
        "off",
        "into",
        "about",
        "after",
        "before",
        "when",
        "where",
        "which",
        "did",
        "does",
        "may",
        "must",
        "should",
        "would",
        "could",
    ]
)
"""Words after a number that count nothing: "one of", "two other"."""
_MIN_WORDS = 2


@dataclass(frozen=True)
class Statement:
    """A sentence with figures: its place in the passage's text, its words, and its values by unit."""

    start: int
    end: int
    words: frozenset[str]
    values: Mapping[str, frozenset[str]]


def statements(passage: Passage) -> list[Statement]:
    """Of a passage, in order. Rows of tables are left out: their figures are told apart by their columns."""
    found = []
    for start, end in split_sentences(passage.text):
        sentence = passage.text[start:end]
        if sentence.startswith("|") or not (values := figures(sentence)):
            continue
        plain = _FIGURE.sub(_unit_only, _DATE.sub(" ", sentence))
        own = frozenset(stem(word) for word in content_words(plain) if not word.isdigit())
        if len(own) >= _MIN_WORDS:
            found.append(Statement(start, end, own, values))
    return found


def figures(sentence: str) -> dict[str, frozenset[str]]:
    """Values by unit: "$", "%", "date", or the stem of the noun; a range is one value."""
    found: dict[str, set[str]] = {}
    for match in _DATE.finditer(sentence):
        found.setdefault("date", set()).add(_day(match))
    for match in _FIGURE.finditer(_DATE.sub(" ", sentence)):
        if match["money"]:
            found.setdefault(match["money"][0], set()).add(_plain(match["money"][1:]))
        elif match["percent"]:
            found.setdefault("%", set()).add(_plain(match["percent"]))
        elif (unit := match["unit"].lower()) not in _NO_UNITS:
            value = _plain(_NUMBER_WORDS.get(match["value"].lower(), match["value"]))
            upto = match["upto"]
            if upto:
                value += "-" + _NUMBER_WORDS.get(upto.lower(), upto)
            found.setdefault(stem(unit), set()).add(value)
    return {unit: frozenset(values) for unit, values in found.items()}


def differing(one: Mapping[str, frozenset[str]], other: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Units that both have and of which no value agrees."""
    return tuple(sorted(u for u in one.keys() & other.keys() if one[u].isdisjoint(other[u])))


def _unit_only(match: re.Match[str]) -> str:
    return f" {match['unit']} " if match["unit"] else " "


def _plain(number: str) -> str:
    number = number.strip().replace(",", "")
    return number.rstrip("0").rstrip(".") if "." in number else number


def _day(match: re.Match[str]) -> str:
    """`2026-03-01`, or `03-01` where no year is given."""
    if match["iso"]:
        return match["iso"]
    month = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(match["month"][:3].lower()))
    day = f"{month:02}-{int(match['day']):02}"
    return f"{match['year']}-{day}" if match["year"] else day
