"""What tells that a conversation goes wrong: said in the customer's words, shown by mood, broken promises."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache

from copilot.assist.dates import find_dates
from copilot.domain.conversation import Turn
from copilot.domain.signals import Promise, Signal, SignalKind, Trend
from copilot.domain.understanding import Sentiment

_CLEARLY_NEGATIVE, _RECENT_TURNS, _REPEATED = -0.6, 3, 2
_CHANGE = 0.35
_CLOSE = timedelta(days=2)
_OTHER_SHOP = (
    r"(?:another|a different|some other)\s+(?:\w+\s+)?(?:shop|store|company|brand|retailer|place|"
    r"provider|seller)"
)
_MANY = (
    r"(?:twice|thrice|(?:two|three|four|five|six|several|many|multiple|countless|a dozen|"
    r"\d{1,2})\s+times|again and again|over and over)"
)


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?:{p})" for p in patterns), re.IGNORECASE)


_SAID: tuple[tuple[SignalKind, float, str, re.Pattern[str]], ...] = (
    (
        SignalKind.LEGAL_THREAT,
        0.9,
        "speaks of legal steps or an authority",
        _words(
            r"\b(?:lawyers?|attorneys?|solicitors?|barristers?)\b",
            r"\b(?:legal (?:action|steps|advice|proceedings)|small claims|lawsuit|litigation)\b",
            r"\bsu(?:e|ing) (?:you|your|them|the company|this company)\b|\b(?:will|going to|gonna|'ll) sue\b",
            r"\b(?:take|see|taking|seeing) (?:you|this|it) (?:to|in) court\b",
            r"\b(?:ombudsman|trading standards|better business bureau|bbb|attorney general|ftc)\b",
            r"\bconsumer (?:protection|rights|affairs)\b",
            r"\b(?:chargeback|charge-back)\b",
            r"\b(?:dispute|disputing|reverse|reversing)\b[^.!?]{0,30}\b(?:with|through|at) my (?:bank|"
            r"credit card|card)\b",
            r"\breport(?:ing)? you to\b",
        ),
    ),
    (
        SignalKind.SUPERVISOR_ASKED,
        0.9,
        "asks for somebody in charge",
        _words(
            r"\b(?:speak|talk|chat|put me|connect me|transfer me|get me|give me|let me have|pass me|"
            r"want|need|demand|call)\b"
            r"[^.!?]{0,25}\b(?:manager|supervisor|superior|team lead|your boss|someone in charge|"
            r"somebody in charge|"
            r"someone (?:senior|higher|above)|person in charge)\b",
            r"\bescalat(?:e|ed|ing) (?:this|it|my|the)\b|\b(?:this|it) (?:be |to be )?escalated\b",
            r"\bwhere is your (?:manager|supervisor|boss)\b",
        ),
    ),
    (
        SignalKind.CHURN_RISK,
        0.8,
        "speaks of leaving",
        _words(
            rf"\b(?:go|going|switch|switching|move|moving|turn|buy|buying|order|ordering|shop|shopping|"
            rf"take|taking)\b"
            rf"[^.!?]{{0,30}}\b{_OTHER_SHOP}\b",
            r"\b(?:buy|buying|shop|shopping|order|ordering|get it|get one|go|going|business|money|look|"
            r"looking|tent|one)\b"
            r"[^.!?]{0,20}\b(?:elsewhere|somewhere else|someplace else)\b",
            r"\b(?:to|from|with|at) (?:a|your|the|one of your) competit(?:or|ion)s?\b",
            r"\b(?:never|not|won['’]t|no longer)\b[^.!?]{0,20}\b(?:order|buy|shop|purchas|com(?:e|"
            r"ing) back)\w*\b"
            r"[^.!?]{0,25}\b(?:from you|with you|at your|here|again|your (?:shop|store|company))\b",
            r"\blast time (?:i|we)(?:['’]ll| will|['’]ve| have| ever)?\s+(?:ever )?(?:order|buy|shop|"
            r"do business)\w*\b",
            r"\b(?:done|finished|through) with (?:you|your|this (?:company|shop|store|circus)|larkfield)\b",
            r"\b(?:you(?:['’]re| are|['’]ve| have)?|about to|going to|just) los(?:e|t|ing) (?:me|"
            r"a customer|my business|us)\b",
            r"\b(?:cancel|close|closing|terminate|end)\b[^.!?]{0,15}\bmy (?:account|membership|"
            r"subscription)\b",
            r"\bregret (?:buying|ordering|choosing)\b",
        ),
    ),
    (
        SignalKind.REPEATED_CONTACT,
        0.7,
        "has had to ask more than once",
        _words(
            r"\b(?:second|third|fourth|fifth|sixth|2nd|3rd|4th|5th|6th|tenth|hundredth|"
            r"umpteenth)\s+(?:time|call|e-?mail|message|"
            r"chat|attempt)\b(?![^.!?]{0,12}\bi (?:order|bought|buy))",
            rf"\b(?:call|phon|wr(?:o|i)t|contact|e-?mail|explain|ask|told|tell|said|repeat|chas|rung|"
            rf"rang|gave|given|reach)\w*\b"
            rf"[^.!?]{{0,30}}\b{_MANY}\b",
            r"\b(?:keep|kept)\s+(?:calling|writing|asking|repeating|explaining|chasing|getting passed)\b",
            r"\b(?:repeat|explain)(?:ing)? myself\b",
            r"\bpass(?:ed|ing)? (?:me |us )?(?:from|around)\b",
            r"\bstill (?:waiting|no (?:answer|reply|response|word))\b[^.!?]{0,30}\b(?:answer|reply|"
            r"response|call|word|e-?mails?|you)\b",
        ),
    ),
    (
        SignalKind.URGENCY,
        0.95,
        "describes something that may be dangerous",
        _words(
            r"\b(?:caught|on) fire\b|\bsmok(?:e|es|ed|ing)\b(?! alarm)|\bsparks? (?:fly|flew|com)\w*|"
            r"\bsparking\b",
            r"\belectric(?:al)? shock\b|\bgot shocked\b|\bgas (?:leak|smell)\w*|\bsmell(?:s|ed)? (?:of |"
            r"like )?gas\b",
            r"\b(?:burned|burnt) (?:my|me|his|her|our|the (?:carpet|floor|table|house))\b|\binjur(?:y|"
            r"ed|ies)\b|\bexplod(?:e|ed)\b",
        ),
    ),
    (
        SignalKind.URGENCY,
        0.7,
        "says that it is urgent",
        _words(
            r"\b(?:urgent|urgently|asap|emergency|immediately|right now|right away|straight away|"
            r"at once|this instant)\b",
            r"\bas (?:soon|quickly|fast) as (?:possible|you can)\b|\bcan(?:no|['’])t wait (?:any )?longer\b",
            r"\brunning out of (?:time|patience)\b|\bdeadline\b|\bno heat(?:ing)?\b|\bwithout heat(?:ing)?\b",
        ),
    ),
)
_NO_HURRY = re.compile(
    r"\b(?:no (?:rush|hurry)|not (?:\w+ )?urgent|isn['’]t urgent|whenever you|take your time)\b",
    re.IGNORECASE,
)
_NEEDED_BY = re.compile(
    r"\b(?:need|needed|want|must|have to|has to|arrive|arrives|get it|leave|leaving|wedding|birthday|"
    r"party|trip|"
    r"flight|guests?|holiday|camping|funeral|event)\b",
    re.IGNORECASE,
)


def signals_in(
    turns: Sequence[tuple[Turn, date]], sentiments: Sequence[Sentiment], promises: Sequence[Promise]
) -> tuple[Signal, ...]:
    """Of the customer's turns, each with the day it was said on; the strongest of a kind speaks for it."""
    found: dict[SignalKind, list[tuple[float, str, str]]] = {}
    for turn, day in turns:
        for kind, level, why in _said(turn.text, day):
            found.setdefault(kind, []).append((level, why, turn.id))
    if is_frustrated(sentiments):
        recent = [turn.id for turn, _ in turns][-_RECENT_TURNS:]
        found[SignalKind.FRUSTRATION] = [(0.8, "has been clearly unhappy for some turns", t) for t in recent]
    for promise in promises:
        if promise.overdue:
            why = f"was promised what has not happened: “{promise.text}”"
            found.setdefault(SignalKind.BROKEN_PROMISE, []).append((0.8, why, promise.turn_id))
    return tuple(_merged(kind, shown) for kind, shown in found.items())


def _merged(kind: SignalKind, shown: Sequence[tuple[float, str, str]]) -> Signal:
    level, why, _ = max(shown, key=lambda one: one[0])
    turn_ids = tuple(dict.fromkeys(turn_id for _, _, turn_id in shown))
    return Signal(kind=kind, level=level, why=f"The customer {why}.", turn_ids=turn_ids)


# A turn's text never changes, and every later turn asks again.
@lru_cache(maxsize=4096)
def _said(text: str, day: date) -> tuple[tuple[SignalKind, float, str], ...]:
    return tuple(_read(text, day))


def _read(text: str, day: date) -> Iterator[tuple[SignalKind, float, str]]:
    hurry = not _NO_HURRY.search(text)
    for kind, level, why, pattern in _SAID:
        if (hurry or kind is not SignalKind.URGENCY) and pattern.search(text):
            yield kind, level, why
    if hurry and _NEEDED_BY.search(text):
        ahead = [d.day for d in find_dates(text, day) if day <= d.day <= day + _CLOSE]
        if ahead:
            yield SignalKind.URGENCY, 0.75, f"needs it by {min(ahead).isoformat()}"


def with_repeated(signals: tuple[Signal, ...], repeated: Signal | None) -> tuple[Signal, ...]:
    """`signals` with what the store remembers of earlier contacts; one signal of a kind, the stronger."""
    if repeated is None:
        return signals
    said = next((s for s in signals if s.kind is repeated.kind), None)
    if said is not None and said.level > repeated.level:
        return signals
    return (*(s for s in signals if s.kind is not repeated.kind), repeated)


def is_frustrated(sentiments: Sequence[Sentiment]) -> bool:
    """Whether the last customer turn is clearly negative, and another of the last three is too."""
    recent = sentiments[-_RECENT_TURNS:]
    negative = [s.score <= _CLEARLY_NEGATIVE for s in recent]
    return sum(negative) >= _REPEATED and negative[-1]


def trend_of(sentiments: Sequence[Sentiment]) -> Trend:
    """The last turn's sentiment against the mean of up to three before it."""
    before = [s.score for s in sentiments[:-1]][-_RECENT_TURNS:]
    if not before:
        return Trend.STEADY
    change = sentiments[-1].score - sum(before) / len(before)
    if abs(change) < _CHANGE:
        return Trend.STEADY
    return Trend.RISING if change > 0 else Trend.FALLING
