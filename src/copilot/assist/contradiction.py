"""Whether a sentence says something else than its source in nearly the same words.

Shared words do not show it: a "not" too many, an opposite, a number that belongs to something else, or one
thing named in the place of another. Clauses are compared, so that a "not" elsewhere does no harm.
"""

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from copilot.assist.details import Detail, details, share_said, straight, without_details
from copilot.assist.words import content_words, stem

_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|without|nor|neither|none|nothing|nobody|unable|hardly|refuse[sd]?|stop(?:s|ped)?)\b|n't\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[;,–—()]\s|\s[–—-]\s|(?<=[.!?])\s+|\s+(?:and|but|unless|except|while|whereas|although|though|because|if|"
    r"so|whether|however)\s+",
    re.IGNORECASE,
)
_OPPOSITES = tuple(
    (frozenset(left.split("|")), frozenset(right.split("|")))
    for left, right in (
        ("before|prior", "after|following"),
        ("within", "after|beyond"),
        ("more|over|above|exceeds", "less|under|below|fewer"),
        ("maximum|most", "minimum|least"),
        ("include|includes|included|including", "exclude|excludes|excluded|excluding"),
        ("free|complimentary|waived", "costs|charged|deducted|paid|fee|charge"),
        ("unopened", "opened|open"),
        ("unused", "used"),
        ("refundable", "non-refundable|nonrefundable"),
        ("accept|accepts|accepted|allowed|permitted", "refused|rejected|declined|forbidden|prohibited"),
        ("always", "sometimes|never"),
        ("required|mandatory|must", "optional|voluntary"),
        ("first|oldest|earliest", "last|newest|latest"),
        ("increase|increases|raise", "decrease|decreases|reduce"),
        ("inside|indoor|indoors", "outside|outdoor|outdoors"),
        ("all|every|any", "only"),
    )
)
_SYNONYMS = tuple(
    frozenset(stem(word) for word in group.split("|"))
    for group in (
        "item|items|product|products|article|articles|goods|anything|something|merchandise|piece",
        "parcel|package|delivery|shipment|box|order",
        "order|purchase|bought|buy|placed",
        "shipping|delivery|deliver|delivered|ship|ships|arrive|arrives|arrival|reach",
        "cost|costs|fee|charge|price|priced|pay|total|come",
        "take|takes|need|needs|require|requires|last|lasts|within|up",
        "get|receive|receives|have|gain",
        "start|starts|begin|begins|open|initiate|set",
        "answer|reply|respond|hear",
        "send|return|back|bring|give",
        "cover|covers|covered|include|warrant|protect",
        "customer|customers|member|members|people|anyone|person",
        "deduct|deducted|taken|subtract|withheld",
        "collect|collected|pick|picked",
        "defective|faulty|broken|damaged|defect|fault",
        "free|cost|charge",
        "expire|expires|valid|end|ends",
        "change|changed|modify|update|edit",
        "business|working",
        "warranty|guarantee",
        "choose|pick|select|prefer",
        "contact|call|write|reach",
        "refund|money|reimburse",
    )
)
_CONDITION = re.compile(
    r"\b(?:when|if|unless|except|only|provided|while|until)\b(?P<condition>[^;,]*)", re.IGNORECASE
)
_SAME_MATTER = 0.5
_SEVERAL = 2
_NEAR_COPY = 0.6


class _Clause(NamedTuple):
    """`lead` is the first content word of its sentence: what a clause without a subject speaks of."""

    words: frozenset[str]
    first: str
    lead: str
    negative: bool
    details: tuple[Detail, ...]

    def is_about(self, word: str) -> bool:
        return word in self.words or word == self.lead


def contradicts(sentence: str, source: str) -> str | None:
    """Why the source does not bear the sentence out, in a few words; None when nothing speaks against it."""
    if negates(sentence, source):
        return "one of them says not"
    if (pair := opposite(sentence, source)) is not None:
        return f"{pair[0]!r} where the source says {pair[1]!r}"
    if (swapped := exchanged_word(sentence, source)) is not None:
        return f"{swapped[0]!r} in the place of {swapped[1]!r}"
    for text, problem in (
        (moved_detail(sentence, source), "gives {!r} to something else than the source does"),
        (dropped_condition(sentence, source), "leaves out {!r}"),
        (foreign_clause(sentence, source), "adds {!r}"),
    ):
        if text is not None:
            return problem.format(text)
    return None


def negates(sentence: str, source: str) -> bool:
    """Whether a clause says "not" where the source's clause on the same matter does not, or the reverse."""
    theirs = _clauses(source)
    for clause in _clauses(sentence):
        if not clause.words:
            continue
        scored = [(_shared(clause, other), other.negative == clause.negative) for other in theirs]
        best = max(scored, default=(0.0, False))
        if best[0] < _SAME_MATTER:
            if clause.negative != bool(_NEGATION.search(straight(source))):
                return True
            continue
        if not best[1]:
            return True
    return False


def opposite(sentence: str, source: str) -> tuple[str, str] | None:
    """A word of the sentence whose opposite stands in the source, and is not itself in the sentence."""
    said, there = _plain_words(sentence), _plain_words(source)
    for pair in _OPPOSITES:
        for ours, theirs in (pair, pair[::-1]):
            if said & ours and not there & ours and there & theirs and not said & theirs:
                return min(said & ours), min(there & theirs)
    return None


def moved_detail(sentence: str, source: str) -> str | None:
    """A number that in the source stands with something else, where another one stands with this matter.

    What a clause begins with decides; where that does not tell, the words that it shares.
    """
    theirs = [clause for clause in _clauses(source) if clause.details]
    for clause in _clauses(sentence):
        for detail in clause.details:
            rivals = [c for c in theirs if any(d.kind == detail.kind for d in c.details)]
            home = [c for c in rivals if any(detail.agrees(d) for d in c.details)]
            others = [c for c in rivals if c not in home]
            if home and others and _nearer(clause, others, home):
                return detail.text
    return None


def exchanged_word(sentence: str, source: str) -> tuple[str, str] | None:
    """In a near copy, a content word where the source has another one that is no synonym of it."""
    ours = _sequence(sentence)
    said = content_words(without_details(sentence))
    everywhere = content_words(source)
    found = None
    for part in _sentences(source):
        known = content_words(without_details(part))
        if share_said(sentence, part) < _NEAR_COPY:
            continue
        swapped = _swapped(ours, _sequence(part), said - everywhere, known - said)
        if swapped is None:
            return None
        found = found or swapped
    return found


def dropped_condition(sentence: str, source: str) -> str | None:
    """A condition ("when …", "unless …", "only …") of the source of which the sentence says nothing."""
    said = content_words(sentence)
    for part in _sentences(source):
        match = _CONDITION.search(straight(part))
        if match is None:
            continue
        condition = content_words(match["condition"])
        main = content_words(straight(part)[: match.start()] + " " + straight(part)[match.end() :])
        if not said or len(said & main) / len(said) < _NEAR_COPY:
            continue
        if condition - main and not (condition - main) & said:
            return match.group().strip(" ,;.")
        return None
    return None


def foreign_clause(sentence: str, source: str) -> str | None:
    """A clause of several words of which the source has none."""
    known = content_words(source)
    for clause in _clauses(sentence):
        if len(clause.words) >= _SEVERAL and not clause.words & known:
            return " ".join(sorted(clause.words))
    return None


def _nearer(clause: _Clause, others: list[_Clause], home: list[_Clause]) -> bool:
    if clause.first:
        here, there = (any(c.is_about(clause.first) for c in group) for group in (home, others))
        if here != there:
            return there
    shared_home = max(len(clause.words & c.words) for c in home)
    return max(len(clause.words & c.words) for c in others) > shared_home


def _swapped(
    ours: list[str], theirs: list[str], new: frozenset[str], gone: frozenset[str]
) -> tuple[str, str] | None:
    for operation, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if operation != "replace":
            continue
        put = [word for word in ours[a:b] if word in new]
        taken = [word for word in theirs[c:d] if word in gone]
        if put and taken and not any(_synonyms(p, t) for p in put for t in taken):
            return put[0], taken[0]
    return None


@lru_cache(maxsize=4096)
def _clauses(text: str) -> tuple[_Clause, ...]:
    text = straight(text)
    found: list[_Clause] = []
    position, lead = 0, ""
    every = details(text)
    for end, after in [*((m.start(), m.end()) for m in _CLAUSE.finditer(text)), (len(text), len(text))]:
        part = text[position:end]
        if position == 0 or text[:position].rstrip()[-1:] in {".", "!", "?"}:
            lead = ""
        if part.strip():
            inside = tuple(d for d in every if position <= d.start < end)
            words = content_words(without_details(part))
            first = next((w for w in _sequence(part) if w in words), "")
            lead = lead or first
            found.append(_Clause(words, first, lead, bool(_NEGATION.search(part)), inside))
        position = after
    return tuple(found)


def _shared(clause: _Clause, other: _Clause) -> float:
    return len(clause.words & other.words) / len(clause.words)


@lru_cache(maxsize=4096)
def _plain_words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+(?:-[a-z]+)*", straight(text).lower()))


def _sequence(text: str) -> list[str]:
    return [stem(word) for word in re.findall(r"[a-z]+(?:'[a-z]+)?", without_details(text).lower())]


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?;])\s+", text) if part.strip()]


def _synonyms(left: str, right: str) -> bool:
    return left[:4] == right[:4] or any(left in group and right in group for group in _SYNONYMS)
