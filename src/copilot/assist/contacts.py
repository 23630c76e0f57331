"""E-mail addresses, phone numbers and postcodes, as people write them in several countries."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,}"
)
_PHONE = re.compile(
    r"(?<![\w#-])(?:"
    # +44 (0)20 7946 0958, 0049 30 901820
    r"(?P<international>(?:\+|00(?=[1-9]))\d{1,3}[ .-]?(?:\(0\)[ .-]?)?(?:\(?\d{1,4}\)?[ .-]?){1,5}\d{2,4})"
    # 020 7946 0958, (01632) 960001, 07700 900123, 0800 123 4567
    r"|(?P<british>\(?0(?:2\d|1\d{2,4}|3\d{2}|7\d{3}|800|808)\)?[ -]?\d{3,4}[ -]?\d{3,4})"
    # 01 23 45 67 89
    r"|(?P<paired>0[1-9](?:[ .]\d{2}){4})"
    r"|(?P<american>(?:1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}|\d{10})"
    r")(?:\s?(?:ext|x)\.?\s?\d{1,5})?(?![\w-])",
)
_ZIP = re.compile(
    r"\b(?:[Zz][Ii][Pp]|[Pp]ostal|[Pp]ost)[ -]?(?:code)?(?:\s+(?:is|code))*\s*[:=]?\s*(\d{5})(?:-\d{4})?\b"
    r"|\b[A-Z]{2},?\s+(\d{5})(?:-\d{4})?\b"
    r"|(?<![\w#$£€.,-])(\d{5})(?:-\d{4})?(?![\w-]|[.,]\d)",
)
_LETTERED = re.compile(
    # SW1A 1AA (United Kingdom), K1A 0B1 (Canada)
    r"(?<![\w-])(?P<british>[A-Z]{1,2}\d[A-Z\d]?\s?\d[ABD-HJLNP-UW-Z]{2})(?![\w-])"
    r"|(?<![\w-])(?P<canadian>[ABCEGHJ-NPRSTVXY]\d[A-Z][ -]?\d[A-Z]\d)(?![\w-])"
)
_LETTERED_AFTER = re.compile(
    r"\bpost(?:al)?[ -]?code(?:\s+is)?\s*[:=]?\s*(?P<code>[a-z\d]{2,4}\s?\d[a-z\d]{2})\b", re.IGNORECASE
)
_DIGITS_OF_PHONE = range(7, 16)
_AMERICAN = 10


class Found(NamedTuple):
    """`value` is normalised; `start`..`end` in the text."""

    value: str
    start: int
    end: int


def find_emails(text: str) -> Iterator[Found]:
    for match in _EMAIL.finditer(text):
        yield Found(match.group().lower(), *match.span())


def find_phones(text: str) -> Iterator[Found]:
    """In E.164 where the country is plain; else the digits as dialled there."""
    for match in _PHONE.finditer(text):
        number = re.sub(r"\s?(?:ext|x)\.?\s?\d{1,5}$", "", match.group())
        digits = re.sub(r"\D", "", number.replace("(0)", ""))
        if len(digits) not in _DIGITS_OF_PHONE:
            continue
        if match["international"]:
            value = f"+{digits.removeprefix('00')}"
        elif match["british"]:
            value = f"+44{digits[1:]}"
        elif match["paired"]:
            value = digits
        else:
            value = f"+1{digits[-_AMERICAN:]}"
        yield Found(value, *match.span())


def find_postcodes(text: str) -> Iterator[Found]:
    for match in _ZIP.finditer(text):
        group = match.lastindex or 0
        yield Found(match[group], *match.span(group))
    for match in _LETTERED.finditer(text):
        yield Found(_spaced(match.group()), *match.span())
    for match in _LETTERED_AFTER.finditer(text):
        if not any(c.isalpha() for c in match["code"]):
            continue  # digits alone are told above
        yield Found(_spaced(match["code"]), *match.span("code"))


def _spaced(code: str) -> str:
    """Its last three characters stand apart."""
    letters = re.sub(r"[\s-]", "", code).upper()
    return f"{letters[:-3]} {letters[-3:]}"
