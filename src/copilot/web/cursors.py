"""Cursors: where a page of a list ended, wrapped so that nobody builds one by hand."""

import base64
import binascii

from copilot.domain.errors import InvalidInput


def encode_cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """None for the first page. `InvalidInput` for what was not given by us."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise InvalidInput(
            "this cursor was not given by us", where="query.cursor", hint="Start without a cursor."
        ) from error
