"""What the vendors' webhook signatures have in common: HMAC-SHA256 over time and body, of late."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from copilot.domain.errors import NotAuthenticated

WINDOW = timedelta(minutes=5)
"""How old, or how far ahead, a signed time may be: a copy sent later is refused."""


def signed(secret: str, *parts: bytes) -> bytes:
    return hmac.new(secret.encode(), b"".join(parts), hashlib.sha256).digest()


def require_same(given: str, expected: str) -> None:
    """Compared in constant time; `NotAuthenticated` when they differ."""
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise refused("the signature does not fit the body")


def require_recent(at: datetime, now: datetime) -> None:
    if abs(now - at) > WINDOW:
        raise refused("the signature is too old")


def from_epoch(seconds: str) -> datetime:
    """A time given in whole seconds since 1970. `NotAuthenticated` for anything else."""
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= 12):  # noqa: PLR2004 - year 33658
        raise refused("the signature's time cannot be read")
    return datetime.fromtimestamp(int(seconds), UTC)


def from_iso(text: str) -> datetime:
    """An ISO 8601 time with its offset. `NotAuthenticated` for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise refused("the signature's time cannot be read") from error
    if at.tzinfo is None:
        raise refused("the signature's time has no offset")
    return at


def refused(why: str) -> NotAuthenticated:
    return NotAuthenticated(f"{why}.", hint="Compare the webhook's secret with the one that is set here.")
