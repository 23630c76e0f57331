"""How values are written on pages."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits: "3 min ago"."""
    seconds = max(0, int((now - at).total_seconds()))
    if seconds < _MINUTE:
        return "just now"
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    raise AssertionError


def remaining(until: datetime, now: datetime) -> str:
    """How long something still holds: "12 min left", or "expired"."""
    left = until - now
    if left <= timedelta(0):
        return "expired"
    minutes = -(-int(left.total_seconds()) // _MINUTE)
    return (
        f"{minutes} min left" if minutes < _MINUTE else f"{minutes // _MINUTE} h {minutes % _MINUTE} min left"
    )


def moment(at: datetime | None) -> str:
    return "–" if at is None else at.strftime("%Y-%m-%d %H:%M UTC")


def day(value: date | None) -> str:
    return "–" if value is None else value.isoformat()


class _InForce(Protocol):
    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_to(self) -> date | None: ...


def force(document: _InForce) -> str:
    """From which day to which it is in force."""
    begun, ended = document.valid_from, document.valid_to
    if begun is None and ended is None:
        return "always"
    if ended is None:
        return f"from {begun}"
    return f"until {ended}" if begun is None else f"{begun} to {ended}"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def words(name: str) -> str:
    """A code such as `needs_supervisor` for reading."""
    text = name.replace("_", " ").replace(".", " ")
    return text[:1].upper() + text[1:]


def seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def number(value: float | None) -> str:
    return "not run" if value is None else f"{value:.4g}"


def pretty(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)


def list_pair(value: str) -> tuple[str, str]:
    """For a list of options whose values are their names."""
    return value, value


def option(value: str) -> tuple[str, str]:
    """The same for a code, whose name is its words."""
    return value, words(value)


class _Named(Protocol):
    @property
    def external_id(self) -> str: ...
    @property
    def version(self) -> str: ...


def heading(path: Sequence[str], title: str) -> str:
    """The headings above a passage, without the document's title, which stands before them."""
    below = path[1:] if path and path[0] == title else path
    return " › ".join(below)


def document_address(document: _Named) -> str:
    return document_page(document.external_id, document.version)


def document_page(external_id: str, version: str) -> str:
    """Where a version of a document is shown."""
    return f"/console/documents/{quote(external_id, safe='')}?version={quote(version, safe='')}"


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": ago,
    "remaining": remaining,
    "moment": moment,
    "day": day,
    "force": force,
    "percent": percent,
    "words": words,
    "seconds": seconds,
    "number": number,
    "pretty": pretty,
    "list_pair": list_pair,
    "option": option,
    "heading": heading,
    "document_address": document_address,
}
