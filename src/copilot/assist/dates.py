"""Dates as people write them: ISO, US numeric, with a month's name, or relative to today."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s+(?P<year>(?:19|20)\d{2}))?"
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "couple of": 2, "a couple of": 2,
}  # fmt: skip
_FROM_TODAY = r"\bthe\s+day\s+(?:before\s+yesterday|after\s+tomorrow)\b|\blast\s+night\b"
_HALF_A_YEAR = 183


class FoundDate(NamedTuple):
    day: date
    start: int
    end: int


def find_dates(text: str, today: date) -> list[FoundDate]:
    """Every date in `text`; one without a year is the nearest to today, none later than half a year."""
    found = []
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            day = read(match, today)
            if day is not None:
                found.append(FoundDate(day, match.start(), match.end()))
    return found


def _iso(match: re.Match[str], _: date) -> date | None:
    return _valid(int(match["year"]), int(match["month"]), int(match["day"]))


def _numeric(match: re.Match[str], today: date) -> date | None:
    year, month, day = match["year"], int(match["month"]), int(match["day"])
    if month > 12 >= day:  # noqa: PLR2004 - 23/11/2026 can only be read with the day first
        month, day = day, month
    if year is None:
        return _nearest(month, day, today)
    return _valid(int(year) + (2000 if len(year) == 2 else 0), month, day)  # noqa: PLR2004


def _dotted(match: re.Match[str], _: date) -> date | None:
    """The day comes first."""
    return _valid(int(match["year"]), int(match["month"]), int(match["day"]))


def _named(match: re.Match[str], today: date) -> date | None:
    month = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(match["month"].lower()[:3]))
    if match["year"]:
        return _valid(int(match["year"]), month, int(match["day"]))
    return _nearest(month, int(match["day"]), today)


def _weekday(match: re.Match[str], today: date) -> date:
    behind = (today.weekday() - _DAYS.index(match["weekday"].lower())) % 7
    if (match["which"] or "").lower() in {"next", "this", "coming", "by", "until", "till", "before"}:
        return today + timedelta(days=(7 - behind) % 7 or 7)
    return today - timedelta(days=behind or 7)


def _relative(match: re.Match[str], today: date) -> date:
    word = match.group().lower()
    if "before yesterday" in word:
        return today - timedelta(days=2)
    if "after tomorrow" in word:
        return today + timedelta(days=2)
    if word.startswith("last"):
        return today - timedelta(days=1)
    return today + timedelta(days={"yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1}[word])


def _ago(match: re.Match[str], today: date) -> date | None:
    written = re.sub(r"\s+", " ", match["count"].lower())
    count = int(written) if written.isdigit() else _NUMBERS[written]
    days = {"day": 1, "week": 7, "month": 30}[match["unit"].lower()]
    return today - timedelta(days=min(count, 1000) * days)


def _ahead(match: re.Match[str], today: date) -> date | None:
    past = _ago(match, today)
    return today + (today - past) if past is not None else None


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _nearest(month: int, day: int, today: date) -> date | None:
    options = [d for y in (today.year - 1, today.year, today.year + 1) if (d := _valid(y, month, day))]
    options = [d for d in options if (d - today).days <= _HALF_A_YEAR]
    return min(options, key=lambda d: abs((d - today).days), default=None)


def _patterns() -> Iterator[tuple[re.Pattern[str], Callable[[re.Match[str], date], date | None]]]:
    counts = "|".join(sorted(_NUMBERS, key=len, reverse=True)).replace(" ", r"\s+")
    days = "|".join(_DAYS)
    for pattern, read in (
        (r"(?<![\w-])(?P<year>(?:19|20)\d{2})-(?P<month>\d{2})-(?P<day>\d{2})(?![\w-])", _iso),
        (r"(?<![\w/.-])(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?(?![\w/])", _numeric),
        (rf"\b{_DAY}\s+(?:of\s+)?{_MONTH}{_YEAR}(?!\w)", _named),
        (rf"\b{_MONTH}\s+(?:the\s+)?{_DAY}{_YEAR}(?!\w)", _named),
        (
            rf"\b(?:(?P<which>last|this|next|coming|past|on|by|until|till|before)\s+)(?P<weekday>{days})\b",
            _weekday,
        ),
        (
            rf"{_FROM_TODAY}|\b(?:yesterday|today|tonight|tomorrow)\b",
            _relative,
        ),
        (
            r"(?<![\w.,])(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>20\d{2})(?!\w)",
            _dotted,
        ),
        (r"(?<![\w-])(?P<month>\d{1,2})-(?P<day>\d{1,2})-(?P<year>20\d{2})(?![\w-])", _numeric),
        (rf"\bin\s+(?P<count>\d{{1,3}}|{counts})\s+(?P<unit>day|week|month)s?(?!')\b", _ahead),
        (rf"\b(?P<count>\d{{1,3}}|{counts})\s+(?P<unit>day|week|month)s?\s+ago\b", _ago),
    ):
        yield re.compile(pattern, re.IGNORECASE), read


_READERS = tuple(_patterns())
