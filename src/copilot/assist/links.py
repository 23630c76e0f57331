"""Links, images and markup in text that somebody else wrote: only those of the sources may be shown.

A draft that carries a link of its own may lead the customer astray, or carry the conversation away in an
image's address, so its host has to stand in what the draft rests on. Images and markup never pass.
"""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

REMOVED = "[link removed]"

_TOP_LEVELS = (
    "com|org|net|io|co|info|biz|xyz|ru|cn|dev|app|shop|store|site|online|top|link|click|live|page|cloud|"
    "uk|de|us|eu|fr|tk|ml|me|ly|gg|to|zip|mov|example|test|invalid|onion|internal|local|localhost"
)
_LINK = re.compile(
    r"(?P<image>!\[)"
    r"|(?P<markup><[a-z/!][^>]*>?)"
    r"|(?P<address>\b[a-z][a-z0-9+.-]{1,20}:[\\/]+(?:\[[0-9a-f:.%]*\])?[^\s<>()\[\]\"'`]*|(?<![:\w/\\])[\\/]{2}[\w.-]+\.[^\s<>()\[\]\"'`]*)"
    r"|(?P<script>\b(?:javascript|vbscript|data|file|blob|about|intent|mailto|tel|sms)\s*:\s*[^\s<>()\[\]]+)"
    r"|(?P<host>\b(?:[\w-]+\.)+(?:" + _TOP_LEVELS + r")\b(?::\d+)?(?:[/?#][^\s<>()\[\]\"'`]*)?)"
    r"|(?P<ip>\b(?:\d{1,3}\.){3}\d{1,3}\b(?:[:/][^\s<>()\[\]]*)?)",
    re.IGNORECASE,
)
_SAFE_SCHEMES = ("http", "https")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


def hosts_of(texts: Iterable[str]) -> frozenset[str]:
    """The hosts that links in `texts` lead to."""
    found = (_host(match) for text in texts for match in _LINK.finditer(_plain(text)))
    return frozenset(host for host in found if host)


def foreign_links(text: str, allowed_hosts: frozenset[str]) -> tuple[str, ...]:
    """Links to hosts that are not allowed, images, markup and scripts, as they stand in the plain text."""
    return tuple(match.group() for match in _LINK.finditer(_plain(text)) if _host(match) not in allowed_hosts)


def without_foreign_links(text: str, allowed_hosts: frozenset[str]) -> str:
    """`text` itself when it has none, else its plain form with each of them replaced."""
    if not foreign_links(text, allowed_hosts):
        return text
    return _LINK.sub(lambda m: m.group() if _host(m) in allowed_hosts else REMOVED, _plain(text))


def _host(match: re.Match[str]) -> str | None:
    """None for what has no host, and for what is never allowed."""
    text = match.group()
    if match.lastgroup in ("image", "markup", "script"):
        return None
    if match.lastgroup == "address":
        scheme, _, rest = text.partition(":")
        if not text.startswith(("/", "\\")) and scheme.lower() not in _SAFE_SCHEMES:
            return None
        text = text if text.startswith(("/", "\\")) else rest
    try:
        return urlsplit("//" + text.lstrip("/\\").replace("\\", "/")).hostname
    except ValueError:
        return None


def _plain(text: str) -> str:
    """As a browser would read it: compatibility forms folded, invisible characters gone."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
