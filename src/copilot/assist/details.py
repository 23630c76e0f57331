"""Numbers, amounts, spans of time, dates and names in a sentence, in one form however they are written.

"thirty days", "30 days" and "30-day" are one detail, and so are "two weeks" and "14 days"; "30 business
days", "$30" and "€30" are others. A number without a unit agrees with any unit.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from copilot.assist.words import content_words

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORD_VALUES = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: 10 * (index + 2) for index, word in enumerate(_TENS)},
    "dozen": 12,
}
_SCALES = {"hundred": 100, "thousand": 1000}
_WORDS = "|".join([*_WORD_VALUES, *_SCALES])
_NUMBER = re.compile(
    r"(?P<currency>(?:US|CA|A)?[$€£¥]\s?)?(?P<digits>\d+(?:[.,]\d+)*)"
    rf"|\b(?P<words>(?:{_WORDS})(?:(?:-|\s+and\s+|\s+)(?:{_WORDS}))*)\b",
    re.IGNORECASE,
)
_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_UNITS = {
    "second": "second|sec", "minute": "minute|min", "hour": "hour|hr", "day": "day", "week": "week",
    "month": "month", "year": "year|yr", "USD": "dollar|usd|buck", "EUR": "euro|eur", "GBP": "gbp",
    "pound": "pound", "lb": "lb", "cent": "cent", "%": "%|percent|per cent", "inch": "inch|inches|in\\.",
    "foot": "foot|feet|ft", "cm": "cm|centimet(?:er|re)", "mm": "mm|millimet(?:er|re)", "mile": "mile",
    "km": "km|kilomet(?:er|re)", "gallon": "gallon|gal", "litre": "lit(?:er|re)", "ounce": "ounce|oz",
    "kg": "kg|kilogram|kilo", "gram": "gram|g", "volt": "volt|v", "watt": "watt|w", "point": "point|pt",
    "am": "a\\.?m\\.?", "pm": "p\\.?m\\.?", "degree": "degree|°",
}  # fmt: skip
_UNIT = re.compile(
    r"[\s-]*(?P<kind>business|working|calendar)?[\s-]*(?:"
    + "|".join(f"(?P<u{i}>{names})" for i, names in enumerate(_UNITS.values()))
    + r")(?:e?s)?(?![\w])",
    re.IGNORECASE,
)
_UNIT_NAMES = tuple(_UNITS)
_RANGE = re.compile(r"(?:[\s-]*(?:-|–|—|to|or|and|through)\s*)$", re.IGNORECASE)
_BASES = {
    "minute": (Decimal(1), "minute"), "hour": (Decimal(60), "minute"), "day": (Decimal(1440), "minute"),
    "week": (Decimal(10080), "minute"), "month": (Decimal(1), "month"), "year": (Decimal(12), "month"),
    "cent": (Decimal("0.01"), "USD"), "USD": (Decimal(1), "USD"),
}  # fmt: skip
_SAME_UNITS = {frozenset({"pound", "GBP"}), frozenset({"pound", "lb"})}
_COUNTED = ("one", "a", "an")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s+(?P<year>(?:19|20)\d{2}))?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\w-])(?P<year>(?:19|20)\d{2})-(?P<month>\d{2})-(?P<day>\d{2})(?![\w-])",
        r"(?<![\w/.-])(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>(?:19|20)\d{2})(?![\w/])",
        rf"\b{_DAY}\s+(?:of\s+)?{_MONTH}{_YEAR}(?!\w)",
        rf"\b{_MONTH}\s+(?:the\s+)?{_DAY}{_YEAR}(?!\w)",
    )
)
_MAX_MONTH, _MAX_DAY = 12, 31
# Not at the beginning, where any word has a capital; there only what no common word looks like.
_NAME = re.compile(
    r"(?<![.!?:]\s)(?<!^)(?<![\"“'(])\b[A-Z][\w-]*[a-z0-9][\w-]*\b|\b[A-Z]{2,}[\w-]*\b"
    r"|\b[A-Za-z]+[a-z][A-Z]\w*\b|\b[A-Z]\w*\d\w*\b"
)
_COMMON_NAMES = frozenset(
    {"I", "I'm", "I'll", "I'd", "I've", "OK", "FAQ", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
     "Saturday", "Sunday"}
)  # fmt: skip


class Detail(NamedTuple):
    """`amount` and `unit` of a quantity, or `date` as (month, day, year or None); `text` as written.

    `end` is behind the unit, where one follows.
    """

    text: str
    start: int
    end: int
    amount: str = ""
    unit: str = ""
    date: tuple[int, int, int | None] | None = None

    def agrees(self, other: "Detail") -> bool:
        if self.date is not None or other.date is not None:
            return self.date is not None and other.date is not None and _same_day(self.date, other.date)
        if not self.unit or not other.unit:
            return self.amount == other.amount
        if self.unit == other.unit or frozenset({self.unit, other.unit}) in _SAME_UNITS:
            return self.amount == other.amount
        return self.measure is not None and self.measure == other.measure

    @property
    def measure(self) -> tuple[Decimal, str] | None:
        """In the unit that others of its kind are compared in; None when it has none."""
        if self.unit not in _BASES or not self.amount.replace(".", "", 1).isdigit():
            return None
        factor, base = _BASES[self.unit]
        return Decimal(self.amount) * factor, base

    @property
    def kind(self) -> str:
        """What it could be mistaken for: a price for a price, a time for a time."""
        if self.date is not None:
            return "date"
        unit = self.unit.rpartition(" ")[2]
        return "time" if unit in {"second", "minute", "hour", "day", "week", "month", "year"} else unit


def straight(text: str) -> str:
    """The text with straight quotation marks and apostrophes."""
    return text.translate({0x2019: "'", 0x2018: "'", 0x201C: '"', 0x201D: '"', 0x00A0: " "})


@lru_cache(maxsize=4096)
def details(text: str) -> tuple[Detail, ...]:
    """Dates and quantities, in reading order."""
    text = straight(text)
    dates = list(_dates(text))
    taken = [(d.start, d.end) for d in dates]
    free = [
        match
        for match in _NUMBER.finditer(text)
        if not any(a < match.end() and match.start() < b for a, b in taken)
    ]
    found = [*dates, *(d for index, match in enumerate(free) if (d := _quantity(text, free, index)))]
    return tuple(sorted(found, key=lambda d: d.start))


@lru_cache(maxsize=4096)
def without_details(text: str) -> str:
    """The text with a space for each date and quantity."""
    plain, kept, position = straight(text), [], 0
    for detail in details(text):
        kept.append(plain[position : detail.start])
        position = max(position, detail.end)
    return " ".join([*kept, plain[position:]])


def share_said(sentence: str, source: str) -> float:
    """The share of the sentence's content words and details that the source has too, 0..1."""
    words, ours = content_words(without_details(sentence)), details(sentence)
    if not words and not ours:
        return 0.0
    theirs = details(source)
    shared = len(words & content_words(source)) + sum(any(d.agrees(k) for k in theirs) for d in ours)
    return shared / (len(words) + len(ours))


def foreign_details(sentence: str, source: str) -> tuple[str, ...]:
    """Numbers, dates, amounts and names of `sentence` that `source` does not contain."""
    known = details(source)
    foreign = [d.text for d in details(sentence) if not any(d.agrees(k) for k in known)]
    words = {word.casefold() for word in re.findall(r"[\w-]+", straight(source))}
    words |= {part for word in words for part in word.split("-")}
    names = [n for n in names_in(sentence) if n.casefold() not in words]
    return (*sorted(dict.fromkeys(foreign)), *dict.fromkeys(names))


def names_in(sentence: str) -> list[str]:
    """Words that only a name is written like; months and numbers of a date are left to `details`."""
    text = straight(sentence)
    dates = [(d.start, d.end) for d in details(sentence) if d.date is not None]
    return [
        match.group()
        for match in _NAME.finditer(text)
        if match.group() not in _COMMON_NAMES
        and not any(a <= match.start() < b for a, b in dates)
        and not _NUMBER.fullmatch(match.group())
    ]


def _quantity(text: str, matches: list[re.Match[str]], index: int) -> Detail | None:
    match = matches[index]
    amount = _amount(match)
    unit = _unit(text, matches, index)
    own = _UNIT.match(text, match.end())
    # "one" counts something only beside a unit: otherwise it stands for a noun.
    if match["words"] and match["words"].lower() in _COUNTED and not unit:
        return None
    return Detail(match.group().strip(), match.start(), own.end() if own else match.end(), amount, unit)


def _amount(match: re.Match[str]) -> str:
    if match["digits"] is None:
        return str(_spoken(re.findall(r"[a-z]+", match["words"].lower())))
    digits: str = match["digits"]
    if re.fullmatch(r"\d+,\d{1,2}", digits):
        digits = digits.replace(",", ".")
    plain = digits.replace(",", "")
    return plain.rstrip("0").rstrip(".") if re.fullmatch(r"\d+\.\d+", plain) else plain


def _spoken(words: list[str]) -> int:
    total, current = 0, 0
    for word in words:
        if word in _SCALES:
            current = max(1, current) * _SCALES[word]
            if _SCALES[word] == _SCALES["thousand"]:
                total, current = total + current, 0
        else:
            current += _WORD_VALUES.get(word, 0)
    return total + current


def _unit(text: str, matches: list[re.Match[str]], index: int) -> str:
    """Its own, or the one that the range it opens or closes has."""
    match = matches[index]
    if match["currency"]:
        return _CURRENCIES[match["currency"].strip()[-1]]
    found = _UNIT.match(text, match.end())
    if found is not None:
        unit = next(name for number, name in enumerate(_UNIT_NAMES) if found.group(f"u{number}") is not None)
        kind = (found["kind"] or "").lower()
        return f"business {unit}" if kind in {"business", "working"} else unit
    if index + 1 < len(matches) and _RANGE.fullmatch(text[match.end() : matches[index + 1].start()]):
        return _unit(text, matches, index + 1)
    if index and matches[index - 1]["currency"]:
        joined = _RANGE.fullmatch(text[matches[index - 1].end() : match.start()])
        return _CURRENCIES[matches[index - 1]["currency"].strip()[-1]] if joined else ""
    return ""


def _dates(text: str) -> Iterator[Detail]:
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            if any(a < match.end() and match.start() < b for a, b in taken):
                continue
            month_text = match["month"].lower()
            month = int(month_text) if month_text.isdigit() else _MONTHS.index(month_text[:3]) + 1
            day = int(match["day"])
            if not (1 <= month <= _MAX_MONTH and 1 <= day <= _MAX_DAY):
                continue
            taken.append(match.span())
            year = int(match["year"]) if match["year"] else None
            yield Detail(match.group(), match.start(), match.end(), date=(month, day, year))


def _same_day(left: tuple[int, int, int | None], right: tuple[int, int, int | None]) -> bool:
    return left[:2] == right[:2] and (left[2] is None or right[2] is None or left[2] == right[2])
