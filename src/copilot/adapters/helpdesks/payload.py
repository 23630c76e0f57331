"""Reading what a webhook sent: only what is of the expected kind, never more than a turn may have."""

import json
from collections.abc import Mapping
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from copilot.domain.conversation import MAX_TURN_CHARACTERS
from copilot.domain.errors import InvalidInput

_SUBJECT = 500
_BLOCKS = frozenset({"p", "div", "br", "li", "tr", "blockquote", "h1", "h2", "h3", "h4", "pre", "ul", "ol"})
_SILENT = frozenset({"script", "style", "head", "title"})


def json_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the webhook's body is not JSON.", where="body") from error
    if not isinstance(value, Mapping):
        raise InvalidInput("the webhook's body is not a JSON object.", where="body")
    return value


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def text_of(value: object) -> str:
    """Printable text, shortened to what a turn may have."""
    if not isinstance(value, str):
        return ""
    clean = "".join(c for c in value if c.isprintable() or c in "\n\t").strip()
    return clean if len(clean) <= MAX_TURN_CHARACTERS else f"{clean[: MAX_TURN_CHARACTERS - 1]}…"


def subject_of(value: object) -> str:
    return " ".join(text_of(value).split())[:_SUBJECT]


def number(value: object, where: str) -> str:
    """An id: digits, as a number or as text. `InvalidInput` for anything else."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not (text.isascii() and text.isdecimal() and len(text) <= 20):  # noqa: PLR2004
        raise InvalidInput("expected an id.", where=where)
    return text


def email_of(value: object) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    user, _, host = text.partition("@")
    return text if user and host and " " not in text and len(text) <= 254 else None  # noqa: PLR2004


def seconds_of(value: object) -> float:
    """When, in seconds since 1970; 0 when it cannot be told."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(str(value).replace(" UTC", "+00:00")).timestamp()
    except ValueError:
        return 0.0


def plain_text(html: str) -> str:
    """The words of a bit of HTML, a line for each block."""
    reader = _Words()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._silent += tag in _SILENT
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)
