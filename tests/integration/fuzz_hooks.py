"""What schemathesis does not know by itself: a body of lines of JSON."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines_of_json(_context: object, value: str) -> bytes:
    """As it was made up: few such lines are JSON, and each must be refused by its number."""
    return str(value).encode(errors="replace")
