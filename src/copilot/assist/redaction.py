"""Masks personal data before text leaves for a model or a log.

Found by shape, in this order: payment cards (Luhn), bank accounts (IBAN), security codes and passwords said
in words, social security numbers, e-mail addresses, phone numbers, street addresses. Order numbers are kept:
they name nobody without the shop's database, and every reply needs them. Names are not found by shape: see
`masking`.
"""

import re
from collections.abc import Callable, Iterator

from copilot.domain.privacy import PersonalData

_CARD = re.compile(r"(?<![\w-])(?:\d[ -]?){11,18}\d(?![\w-])")
_MAESTRO = re.compile(r"5[06-9]|6")
"""Only Maestro cards may have as few as twelve digits."""
_IBAN = re.compile(r"(?<![\w-])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![\w-])")
_SECRETS = (
    (
        "CVV",
        re.compile(
            r"\b(?:cvv2?|cvc2?|csc|security code|card code)\b(?:\s+(?:is|are|number|code))*"
            r"\s*[:=]?\s*(\d{3,4})\b",
            re.IGNORECASE,
        ),
    ),
    (
        "PASSWORD",
        re.compile(
            r"\b(?:password|passwort|passcode|passphrase|pass word|pin(?: code)?)\b"
            r"(?:\s+(?:is|was|are|would be)\s+|\s*[:=]\s*)[\"'“]?([^\s\"'”,;]{3,64})",
            re.IGNORECASE,
        ),
    ),
)
_SHAPES = (
    ("SSN", re.compile(r"(?<![\w-])\d{3}[- ]\d{2}[- ]\d{4}(?![\w-])")),
    (
        "EMAIL",
        re.compile(
            r"(?<![A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,}"
        ),
    ),
    (
        "PHONE",
        re.compile(
            r"(?<![\w-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
            r"(?:x\d{1,5})?(?![\w-])"
            r"|(?<![\w-])\+\d[\d .()-]{7,18}\d(?:x\d{1,5})?(?![\w-])|(?<![\w-])\d{10}(?![\w-])"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"(?<![\w-])\d{1,5}\s+(?:(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.?\s+)?"
            r"(?:[A-Z0-9][\w'.-]*\s+){1,4}?"
            r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Terrace|Way|"
            r"Circle|Cir|Highway|Hwy|Parkway|Pkwy)\b\.?(?:,?\s+(?:Apt|Apartment|Suite|Unit|#)\.?\s*\w+)?",
            re.IGNORECASE,
        ),
    ),
)
_PLACEHOLDER = re.compile(r"\[[A-Z]{2,20}(?:_[A-Z]{2,20}){0,3}_\d+\]")
_FEWEST_DIGITS, _MAX_DIGITS = 12, 19
_RETURNED = ("[NAME_", "[EMAIL_", "[PHONE_", "[ADDRESS_")
"""What may stand in a draft again; numbers that identify somebody stay away for good."""


def luhn_valid(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1)."""
    total = 0
    for position, character in enumerate(reversed(digits)):
        value = int(character)
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2  # noqa: PLR2004
        total += value
    return total % 10 == 0


def iban_valid(account: str) -> bool:
    """Whether the two check digits fit: the number, letters as 10 to 35, is 1 modulo 97 (ISO 13616)."""
    moved = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def find_personal_data(text: str) -> list[PersonalData]:
    """Every piece of personal data, in order, not overlapping; the earlier kind in the list above wins."""
    found: list[PersonalData] = []
    for candidate in _candidates(text):
        if all(candidate.end <= other.start or candidate.start >= other.end for other in found):
            found.append(candidate)
    return sorted(found, key=lambda piece: piece.start)


def _candidates(text: str) -> Iterator[PersonalData]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if len(digits) == _FEWEST_DIGITS and not _MAESTRO.match(digits):
            continue
        if len(digits) <= _MAX_DIGITS and luhn_valid(digits):
            yield PersonalData("CARD", match.start(), match.end())
    for match in _IBAN.finditer(text):
        if iban_valid(match.group().replace(" ", "")):
            yield PersonalData("IBAN", match.start(), match.end())
    for kind, pattern in _SECRETS:
        for match in pattern.finditer(text):
            yield PersonalData(kind, match.start(1), match.end(1))
    for kind, pattern in _SHAPES:
        for match in pattern.finditer(text):
            yield PersonalData(kind, match.start(), match.end())


def mask(text: str) -> str:
    """`text` with personal data replaced by its kind, not reversible: for logs and search queries."""
    return _replace(text, lambda piece, _: f"[{piece.kind}]")


class Masker:
    """Masks reversibly for one model call: equal values get equal placeholders such as `[EMAIL_1]`."""

    def __init__(self, names: dict[str, str] | None = None) -> None:
        """`names` are extra literal strings to mask (a customer's name), each with its kind."""
        self._placeholder_of: dict[tuple[str, str], str] = {}
        self._original: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._names = {name: kind for name, kind in (names or {}).items() if name.strip()}

    def add_names(self, names: dict[str, str]) -> None:
        """More literal strings to mask from now on."""
        self._names |= {name: kind for name, kind in names.items() if name.strip()}

    def mask(self, text: str) -> str:
        # A customer who types "[EMAIL_1]" must not be handed somebody's address on the way back.
        text = _PLACEHOLDER.sub(lambda match: match.group().replace("[", "(").replace("]", ")"), text)
        masked = _replace(text, lambda piece, value: self._placeholder(piece.kind, value))
        if not self._names:
            return masked
        # The longest first: "Ana Ruiz" before "Ana". A placeholder is no place to look for names in.
        longest = sorted(self._names, key=len, reverse=True)
        literal = "|".join(re.escape(name) for name in longest)
        return re.sub(
            rf"{_PLACEHOLDER.pattern}|(?<!\w)(?:{literal})(?!\w)",
            lambda match: self._placeholder_for(match.group()),
            masked,
        )

    def unmask(self, text: str) -> str:
        """Puts names and addresses of all sorts back; cards, codes, passwords stay masked for good."""
        return _PLACEHOLDER.sub(
            lambda match: (
                self._original.get(match.group(), match.group())
                if match.group().startswith(_RETURNED)
                else match.group()
            ),
            text,
        )

    def _placeholder_for(self, found: str) -> str:
        return self._placeholder(self._names[found], found) if found in self._names else found

    def _placeholder(self, kind: str, value: str) -> str:
        key = (kind, value)
        if key not in self._placeholder_of:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            placeholder = f"[{kind}_{self._counts[kind]}]"
            self._placeholder_of[key] = placeholder
            self._original[placeholder] = value
        return self._placeholder_of[key]


def _replace(text: str, replacement: Callable[[PersonalData, str], str]) -> str:
    parts, position = [], 0
    for piece in find_personal_data(text):
        parts += [text[position : piece.start], replacement(piece, text[piece.start : piece.end])]
        position = piece.end
    return "".join([*parts, text[position:]])
