"""Amounts of money in a text, in minor units with their currency."""

import re
from collections.abc import Iterator

from copilot.domain.commerce import Money

_BEFORE = {
    "us$": "USD", "$": "USD", "€": "EUR", "£": "GBP", "c$": "CAD", "ca$": "CAD", "a$": "AUD", "au$": "AUD",
}  # fmt: skip
_AFTER = {
    "dollars": "USD", "dollar": "USD", "bucks": "USD", "usd": "USD", "$": "USD", "euros": "EUR",
    "euro": "EUR", "eur": "EUR", "€": "EUR", "pounds sterling": "GBP", "gbp": "GBP", "quid": "GBP",
    "£": "GBP", "cad": "CAD", "canadian dollars": "CAD", "aud": "AUD", "chf": "CHF",
}  # fmt: skip
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?|\d{1,9}(?:[.,]\d{1,2})?"
_WORDS = "|".join(re.escape(word) for word in sorted(_AFTER, key=len, reverse=True))
_AMOUNT = re.compile(
    r"(?<![\w.])(?P<before>(?:us|ca|c|au|a)?\$|€|£|usd|eur|gbp|cad|aud|chf)\s?"
    rf"(?P<first>{_NUMBER})(?!\d|[.,]\d)"
    rf"|(?<![\w.$€£,])(?P<second>{_NUMBER})\s?(?P<after>{_WORDS})(?!\w)"
    r"|(?<![\w.$€£,])(?P<cents>\d{1,2})\s?(?:cents|¢)(?!\w)",
    re.IGNORECASE,
)
_DECIMALS = re.compile(r"[.,](\d{1,2})$")


def find_amounts(text: str) -> Iterator[tuple[Money, int, int]]:
    """Amount, start and end. "pounds" alone is taken as a weight, not as money."""
    for match in _AMOUNT.finditer(text):
        if match["cents"]:
            yield Money(minor=int(match["cents"])), *match.span()
            continue
        written = match["first"] or match["second"]
        mark = (match["before"] or match["after"]).lower()
        currency = _BEFORE.get(mark) or _AFTER.get(mark) or mark.upper()
        yield Money(minor=_minor(written), currency=currency), *match.span()


def _minor(written: str) -> int:
    """Cents of "1,234.5", "1.234,50" or "1234"."""
    decimals = _DECIMALS.search(written)
    whole = re.sub(r"\D", "", written[: decimals.start()] if decimals else written)
    return int(whole) * 100 + (int(decimals[1].ljust(2, "0")) if decimals else 0)
