"""Office files are zip archives of XML: checked for what they unpack to before a parser sees them."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from copilot.domain.errors import UnreadableDocument

_CHUNK = 2**16


@contextmanager
def readable(content: bytes, what: str, expected: str, source: str, *, most: int) -> Iterator[None]:
    """Around a parser: refuses what unpacks to over `most` bytes, and turns the parser's errors into ours."""
    try:
        _check_unpacked(content, what, source, most)
        yield
    except UnreadableDocument:
        raise
    # These parsers raise nearly anything for a damaged file.
    except Exception as error:
        raise UnreadableDocument(
            f"{what} cannot be read: {error or type(error).__name__}.", hint=expected, where=source
        ) from error


def _check_unpacked(content: bytes, what: str, source: str, most: int) -> None:
    """Counts the bytes that really come out; what the archive says of itself may be a lie."""
    count = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                while chunk := stream.read(_CHUNK):
                    count += len(chunk)
                    if count > most:
                        raise UnreadableDocument(
                            f"{what} unpacks to more than {most // 2**20} MB.",
                            hint="Divide it, or leave out what is not knowledge.",
                            where=source,
                        )
