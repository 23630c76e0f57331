"""What an id says of itself."""

import re
from datetime import UTC, datetime

_UUID7 = re.compile(r"[a-z]+_([0-9a-f]{12})7[0-9a-f]{3}[89ab][0-9a-f]{15}")


def made_at(name: str) -> datetime | None:
    """When an id of ours was made, to the millisecond (RFC 9562, UUIDv7); None for anything else."""
    found = _UUID7.fullmatch(name)
    return datetime.fromtimestamp(int(found[1], 16) / 1000, tz=UTC) if found else None
