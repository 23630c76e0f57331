"""Finds what a turn names: order numbers, contact data, amounts, dates and products, at exact offsets."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from copilot.assist.amounts import find_amounts
from copilot.assist.contacts import find_emails, find_phones, find_postcodes
from copilot.assist.dates import find_dates
from copilot.assist.redaction import find_personal_data, luhn_valid
from copilot.domain.understanding import Entity, EntityKind

_DIGIT_WORDS = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_DIGIT = rf"(?:\d|{'|'.join(w for w in _DIGIT_WORDS if len(w) > 1)}|o(?=[\s,-]))"
_GAP = r"[\s,.\-–]{0,3}"
_PLURAL = re.compile(r"(?:es|s)$")
_PRIORITY = (
    EntityKind.CARD, EntityKind.EMAIL, EntityKind.ORDER_ID, EntityKind.PRODUCT, EntityKind.PHONE,
    EntityKind.AMOUNT, EntityKind.DATE, EntityKind.ZIP,
)  # fmt: skip


@dataclass(frozen=True)
class OrderIdFormat:
    """How a tenant's order numbers look: a prefix, so many digits, and whether the last is a Luhn digit."""

    prefix: str = "LF-"
    digits: int = 7
    luhn: bool = True

    @property
    def example(self) -> str:
        return f"{self.prefix}{'1' * self.digits}"


LARKFIELD_ORDER_ID = OrderIdFormat()
TAU_BENCH_ORDER_ID = OrderIdFormat(prefix="#W", digits=7, luhn=False)


@dataclass(frozen=True)
class EntityVocabulary:
    """What differs between tenants: order number formats and product names."""

    order_ids: tuple[OrderIdFormat, ...] = (LARKFIELD_ORDER_ID, TAU_BENCH_ORDER_ID)
    products: tuple[str, ...] = ()


# A turn's text never changes, and every later turn asks again what the earlier ones named.
@lru_cache(maxsize=4096)
def find_entities(
    text: str, *, turn_id: str, today: date, vocabulary: EntityVocabulary
) -> tuple[Entity, ...]:
    """Everything named in `text`, in order; where two readings overlap, the more specific kind wins."""
    found: list[Entity] = []
    candidates = [
        *_order_ids(text, turn_id, vocabulary.order_ids),
        *_cards(text, turn_id),
        *(_entity(EntityKind.EMAIL, f.value, text, (f.start, f.end), turn_id) for f in find_emails(text)),
        *(_entity(EntityKind.PHONE, f.value, text, (f.start, f.end), turn_id) for f in find_phones(text)),
        *(_entity(EntityKind.ZIP, f.value, text, (f.start, f.end), turn_id) for f in find_postcodes(text)),
        *(
            _entity(EntityKind.AMOUNT, str(m), text, (start, end), turn_id).model_copy(update={"money": m})
            for m, start, end in find_amounts(text)
        ),
        *(
            _entity(EntityKind.DATE, d.day.isoformat(), text, (d.start, d.end), turn_id)
            for d in find_dates(text, today)
        ),
        *_products(text, turn_id, vocabulary.products),
    ]
    candidates.sort(key=lambda e: (_PRIORITY.index(e.kind), -(e.end - e.start)))
    for candidate in candidates:
        if all(candidate.end <= e.start or candidate.start >= e.end for e in found):
            found.append(candidate)
    return tuple(sorted(found, key=lambda e: e.start))


def last_of(entities: Iterable[Entity], kind: EntityKind, *, sure: bool = False) -> Entity | None:
    """The entity of `kind` named last; with `sure`, only one without a doubt."""
    return next((e for e in reversed(tuple(entities)) if e.kind is kind and not (sure and e.doubt)), None)


def _entity(
    kind: EntityKind, value: str, text: str, span: tuple[int, int], turn_id: str, doubt: str | None = None
) -> Entity:
    start, end = span
    return Entity(
        kind=kind, value=value, text=text[start:end], start=start, end=end, turn_id=turn_id, doubt=doubt
    )


def _cards(text: str, turn_id: str) -> Iterator[Entity]:
    """Where a card number stands; of the number itself nothing is kept."""
    for piece in find_personal_data(text):
        if piece.kind == "CARD":
            found = _entity(EntityKind.CARD, "[CARD]", text, (piece.start, piece.end), turn_id)
            yield found.model_copy(update={"text": "[CARD]"})


@lru_cache(maxsize=32)
def _order_pattern(form: OrderIdFormat) -> re.Pattern[str]:
    letters = [re.escape(c) for c in form.prefix if c.isalnum()]
    mark = re.escape(form.prefix[0]) + r"?\s?" if not form.prefix[:1].isalnum() else ""
    spelled = r"[\s.\-]{0,2}".join(letters)
    # One digit more or fewer than right is still somebody's order number, only misread.
    many = rf"{_DIGIT}(?:{_GAP}{_DIGIT}){{{form.digits - 2},{form.digits}}}(?![\w])"
    dash = r"[\s,.:\-–]{0,3}(?:dash|hyphen|minus)?[\s,.\-–]{0,3}"
    prefixed = rf"(?<![\w]){mark}{spelled}{dash}(?P<digits>{many})"
    bare = (
        r"\b(?:order|number|no\.?|nr\.?|#)(?:\s+(?:id|number|no\.?|is|it's|its|was|#))*\s*[:#]?\s*"
        rf"(?P<bare>(?<![\w-])\d{{{form.digits}}}(?![\w-]))"
    )
    return re.compile(f"{prefixed}|{bare}", re.IGNORECASE)


def _order_ids(text: str, turn_id: str, formats: Sequence[OrderIdFormat]) -> Iterator[Entity]:
    for form in formats:
        for match in _order_pattern(form).finditer(text):
            bare = match["digits"] is None
            digits = match["bare"] if bare else _read_digits(match["digits"])
            if bare and not (form.luhn and luhn_valid(digits)):
                continue
            span = match.span("bare") if bare else match.span()
            yield _entity(
                EntityKind.ORDER_ID, form.prefix + digits, text, span, turn_id, _doubt(form, digits)
            )


def _read_digits(spoken: str) -> str:
    words = re.findall(r"\d|[a-z]+", spoken.lower())
    return "".join(_DIGIT_WORDS.get(word, word) for word in words)


def _doubt(form: OrderIdFormat, digits: str) -> str | None:
    if len(digits) != form.digits:
        return f"An order number has {form.digits} digits, this one {len(digits)}: please confirm it."
    if form.luhn and not luhn_valid(digits):
        return "The check digit does not fit: a digit may be misread, please confirm it."
    return None


def _products(text: str, turn_id: str, products: Sequence[str]) -> Iterator[Entity]:
    pattern, names = _product_pattern(tuple(products))
    if pattern is None:
        return
    for match in pattern.finditer(text):
        # Of products sharing the words ("Trailhead Tent"), none is meant more than another.
        candidates = names[_loose(match.group())]
        if len(candidates) == 1:
            yield _entity(EntityKind.PRODUCT, candidates[0], text, match.span(), turn_id)


def _loose(words: str) -> str:
    return " ".join(_singular(w) for w in re.findall(r"\w+", words.lower()))


def _singular(word: str) -> str:
    return _PLURAL.sub("", word) if len(word) > 3 and not word.endswith("ss") else word  # noqa: PLR2004


@lru_cache(maxsize=64)
def _product_pattern(products: tuple[str, ...]) -> tuple[re.Pattern[str] | None, dict[str, list[str]]]:
    names: dict[str, list[str]] = {}
    for product in products:
        for alias in _aliases(product):
            known = names.setdefault(alias, [])
            if product not in known:
                known.append(product)
    for product in products:
        names[_loose(product)] = [product]  # a full name is never ambiguous
    if not names:
        return None, names
    longest_first = sorted(names, key=len, reverse=True)
    alternatives = "|".join(
        r"[\s\-\"”]{1,3}".join(rf"{re.escape(w)}(?:es|s)?" for w in alias.split()) for alias in longest_first
    )
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE), names


def _aliases(product: str) -> set[str]:
    """The name itself, its brand word with its last words, and its last two words or more."""
    words = _loose(product).split()
    aliases = {" ".join(words)}
    if len(words) > 2:  # noqa: PLR2004
        aliases |= {" ".join(words[i:]) for i in range(1, len(words) - 1)}
        aliases |= {f"{words[0]} {words[-1]}", " ".join(words[:2])}
    if words and len(words[0]) > 6:  # noqa: PLR2004
        aliases.add(words[0])
    return {a for a in aliases if not a.replace(" ", "").isdigit()}
