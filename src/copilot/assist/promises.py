"""What the company has promised: by the representative here, or before, as the customer tells."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from copilot.assist.dates import find_dates
from copilot.assist.redaction import mask
from copilot.domain.conversation import Speaker
from copilot.domain.signals import Promise
from copilot.retrieval.sentences import split_sentences

_MAX_CHARACTERS = 220
_DEED = (
    r"(?:call|phone|ring|e-?mail|write|send|mail|ship|get back|come back|follow up|refund|replace|"
    r"credit|issue|"
    r"arrange|escalate|forward|pass|update|inform|notify|let you know|contact|reach out|look into|make sure|"
    r"have (?:it|this|that|someone|somebody|a colleague|them)|waive|reserve|order|fix|sort|put through|"
    r"process|"
    r"transfer|be in touch|pay|reimburse|deliver|pick up|collect)"
)
_OURS = re.compile(
    rf"\b(?:i|we|my (?:colleague|supervisor|manager)|(?:a|our) \w+|someone|somebody)"
    rf"(?:['’]ll| will|['’]m going to| am going to|['’]re going to| are going to| is going to| shall)\s+"
    rf"(?:also |then |now |gladly |personally |definitely |certainly )?{_DEED}\b"
    r"|\byou(?:['’]ll| will| are going to)\s+(?:receive|get|hear|have)\b"
    r"|\bi promise\b",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\byou(?: guys| people| all)?\s+(?:said|told me|told us|promised|assured me|assured us|swore)\b"
    r"|\b(?:i was|we were|i've been|i have been)\s+(?:told|promised|assured|informed)\b"
    r"|\b(?:your|the|a) (?:colleague|representative|rep|coworker|team|supervisor|manager|lady|guy|"
    r"person)\b[^.!?]{0,40}"
    r"\b(?:said|told|promised|assured)\b"
    r"|\b(?:was|were) (?:supposed|meant|going) to (?:call|phone|ring|e-?mail|write|send|arrive|"
    r"be (?:here|delivered|"
    r"refunded|fixed|sent)|get|come|ship|refund)\b"
    r"|\b(?:nobody|no one|noone|no-one)\b[^.!?]{0,30}\b(?:called|phoned|rang|wrote|e-?mailed|"
    r"got)\b[^.!?]{0,12}\bback\b",
    re.IGNORECASE,
)
_WOULD = re.compile(
    r"\b(?:would|will|'d|’d|'ll|’ll|going to|gonna|supposed|meant|promised|nobody|no one|noone|no-one|"
    r"was to|by)\b|"
    r"\bwithin\b|'d\b",
    re.IGNORECASE,
)
_UNKEPT = re.compile(
    r"\b(?:but|nobody|no one|noone|no-one|never|still|yet|nothing|supposed|\w+n't|\w+n’t|not)\b",
    re.IGNORECASE,
)
_NUMBER = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10,
    "a couple of": 2, "a few": 3, "few": 3,
}  # fmt: skip
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(_NUMBER)})"
_SPAN = re.compile(
    r"\b(?:within|in|for)\s+(?:the next\s+)?(?:\d{1,3}\s*(?:-|–|to|or)\s*)?"
    rf"{_COUNT}\s+(?P<working>business |working )?(?P<unit>minute|hour|day|week|month)s?\b",
    re.IGNORECASE,
)
_SOON = re.compile(
    r"\b(?:today|tonight|this (?:morning|afternoon|evening)|end of (?:the )?day|right away|shortly|"
    r"in a moment)\b",
    re.IGNORECASE,
)
_NEXT_WEEK = re.compile(r"\b(?:next|the following) week\b|\bend of the week\b|\bthis week\b", re.IGNORECASE)
_WEEKDAY = re.compile(
    r"\b(?P<last>last\s+)?(?P<day>monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b", re.IGNORECASE
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKEND = 5
_HOURS_A_DAY = 24


def promises_in(turns: Sequence[tuple[str, Speaker, str, date]], today: date) -> tuple[Promise, ...]:
    """Of turns as (id, speaker, text, the day it was said on), oldest first; overdue as of `today`."""
    found: list[Promise] = []
    for turn_id, speaker, text, said_on in turns:
        for sentence, due_on, unkept in _promises(text, speaker, said_on):
            late = due_on < today if due_on is not None else unkept
            found.append(
                Promise(said_by=speaker, text=sentence, due_on=due_on, overdue=late, turn_id=turn_id)
            )
    return tuple(found)


# A turn's text never changes, and every later turn asks again.
@lru_cache(maxsize=4096)
def _promises(text: str, speaker: Speaker, said_on: date) -> tuple[tuple[str, date | None, bool], ...]:
    """Sentence, day it is due, and whether the customer says that it was not kept."""
    sentences = [text[start:end] for start, end in split_sentences(text)]
    if speaker is Speaker.REPRESENTATIVE:
        ours = (s for s in sentences if _OURS.search(s) and not s.rstrip().endswith("?"))
        return tuple((_short(s), due_after(s, said_on), False) for s in ours)
    reported = [(i, s) for i, s in enumerate(sentences) if _REPORTED.search(s) and _WOULD.search(s)]
    return tuple(
        (_short(s), _due_before(s, said_on), bool(_UNKEPT.search(" ".join(sentences[i : i + 2]))))
        for i, s in reported
    )


def due_after(sentence: str, said_on: date) -> date | None:
    """The day by which something said on that day is to be done; None where no day is named."""
    weekday = _WEEKDAY.search(sentence)
    if weekday is not None and not weekday["last"]:
        ahead = (_DAYS.index(weekday["day"].lower()) - said_on.weekday()) % 7
        return said_on + timedelta(days=ahead or 7)
    span = _SPAN.search(sentence)
    if span is not None:
        return _add(said_on, _count(span["count"]), span["unit"].lower(), working=bool(span["working"]))
    ahead_of = [d.day for d in find_dates(sentence, said_on) if d.day >= said_on]
    if ahead_of:
        return max(ahead_of)
    if _SOON.search(sentence):
        return said_on
    if _NEXT_WEEK.search(sentence):
        weeks = 2 if re.search(r"next|following", sentence, re.IGNORECASE) else 1
        return said_on + timedelta(days=7 * weeks - 3 - said_on.weekday() + 0)
    return None


def _due_before(sentence: str, told_on: date) -> date | None:
    """The day that was promised, seen from the day of the complaint; a weekday is the last one."""
    weekday = _WEEKDAY.search(sentence)
    if weekday is not None:
        if re.search(r"\bnext\s+$", sentence[: weekday.start()], re.IGNORECASE):
            return due_after(sentence, told_on)
        behind = (told_on.weekday() - _DAYS.index(weekday["day"].lower())) % 7
        return told_on - timedelta(days=behind or 7)
    named = [
        d.day
        for d in find_dates(sentence, told_on)
        if sentence[d.start : d.end].lower() not in {"tomorrow", "today"} or d.day <= told_on
    ]
    return named[-1] if named else None


def _add(day: date, count: int, unit: str, *, working: bool) -> date:
    if unit in {"minute", "hour"}:
        return day + timedelta(days=count // _HOURS_A_DAY if unit == "hour" else 0)
    if unit == "day" and working:
        while count > 0:
            day += timedelta(days=1)
            count -= day.weekday() < _WEEKEND
        return day
    return day + timedelta(days=count * {"day": 1, "week": 7, "month": 30}[unit])


def _count(written: str) -> int:
    return int(written) if written.isdigit() else _NUMBER[written.lower()]


def _short(sentence: str) -> str:
    masked = mask(sentence).strip()
    return masked if len(masked) <= _MAX_CHARACTERS else masked[: _MAX_CHARACTERS - 1].rstrip() + "…"
