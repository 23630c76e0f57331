"""What a file looks like from outside: enough to know that reading it again would give the same."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from copilot.adapters.loaders.reading import SIDE_SUFFIX

_PARSERS = ("beautifulsoup4", "lxml", "markdown-it-py", "openpyxl", "pypdf", "python-docx", "python-pptx")
_SETTLED_NANOSECONDS = 2 * 10**9
"""FAT keeps times in steps of two seconds: what is younger could change again and look the same."""


def looks(path: Path, now: int) -> str | None:
    """Sizes, times and inodes of the file and its side file, and what reads them. None when it cannot tell.

    `now` is in nanoseconds since 1970. The time of change cannot be set by anybody, so contents swapped under
    an old date are seen too.
    """
    try:
        parts = [_reader()]
        for each in (path, path.with_name(path.name + SIDE_SUFFIX)):
            if each is not path and not each.is_file():
                parts.append("-")
                continue
            status = each.stat()
            if now - max(status.st_mtime_ns, status.st_ctime_ns) < _SETTLED_NANOSECONDS:
                return None
            parts.append(f"{status.st_size},{status.st_mtime_ns},{status.st_ctime_ns},{status.st_ino}")
    except OSError:
        return None
    return ":".join(parts)


@cache
def _reader() -> str:
    """Changes with our loaders and with the libraries that they parse with."""
    digest = hashlib.sha256()
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    for package in _PARSERS:
        try:
            digest.update(f"{package}=={version(package)}".encode())
        except PackageNotFoundError:
            digest.update(package.encode())
    return digest.hexdigest()[:16]
