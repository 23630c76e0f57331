"""Zip archives: their files, unpacked in memory within bounds, and every one that is refused with why."""

import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from copilot.domain.errors import TooLarge, UnreadableDocument

_CHUNK = 2**16
_ENCRYPTED = 0x1
_EXPECTED = "Expected a zip archive without a password."


@dataclass(frozen=True)
class ArchiveLimits:
    """Of one archive with all archives and e-mails in it. Bytes are those that really come out."""

    files: int = 5_000
    file_bytes: int = 50 * 2**20
    total_bytes: int = 300 * 2**20
    depth: int = 2
    """Archives in archives."""


@dataclass
class Budget:
    """What may still be unpacked; shared by everything inside one file."""

    limits: ArchiveLimits = field(default_factory=ArchiveLimits)
    bytes_left: int = 0
    files_left: int = 0

    def __post_init__(self) -> None:
        self.bytes_left = self.bytes_left or self.limits.total_bytes
        self.files_left = self.files_left or self.limits.files


@dataclass(frozen=True)
class Entry:
    """A file of an archive: its path, and its bytes or why it is not read."""

    path: str
    content: bytes = b""
    problem: UnreadableDocument | TooLarge | None = None


def entries(content: bytes, budget: Budget, *, first: Callable[[str], bool], where: str) -> Iterator[Entry]:
    """Every file in the archive's order, those with a `first` path before all others, one at a time.

    Raises `UnreadableDocument` or `TooLarge` for the whole archive.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    # A damaged directory makes zipfile raise more than its own error.
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise UnreadableDocument(
            f"the archive cannot be read: {error}.", hint=_EXPECTED, where=where
        ) from error
    with archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        infos.sort(key=lambda info: not first(info.filename))
        _check_declared(infos, budget, where)
        for info in infos:
            name = info.orig_filename or info.filename
            path = name.replace("\\", "/")
            if is_passed_over(path):
                continue
            try:
                _check_entry(info, name, path, where)
                yield Entry(path, _unpacked(archive, info, budget, where))
            except (UnreadableDocument, TooLarge) as problem:
                yield Entry(path, problem=problem)


def is_passed_over(path: str) -> bool:
    """What programs leave in an archive: hidden files and macOS' shadows of files."""
    parts = PurePosixPath(path).parts
    return any(part.startswith((".", "~$")) and part not in {".", ".."} for part in parts) or (
        "__MACOSX" in parts
    )


def _check_declared(infos: list[zipfile.ZipInfo], budget: Budget, where: str) -> None:
    """What the archive says of itself is enough to refuse it, though not to trust it."""
    declared = sum(info.file_size for info in infos)
    if declared > budget.bytes_left:
        raise TooLarge(
            f"the archive would unpack to {declared // 2**20:,} MB.",
            hint=f"Expected at most {budget.limits.total_bytes // 2**20} MB in all: divide it.",
            where=where,
        )
    if len(infos) > budget.files_left:
        raise TooLarge(
            f"the archive has {len(infos):,} files.",
            hint=f"Expected at most {budget.limits.files:,} in all: divide it.",
            where=where,
        )
    budget.files_left -= len(infos)


def _check_entry(info: zipfile.ZipInfo, name: str, path: str, where: str) -> None:
    parts = PurePosixPath(path).parts
    if ".." in parts or path.startswith("/") or "\x00" in name or (parts and parts[0].endswith(":")):
        raise UnreadableDocument(
            "its path leads out of the archive.", hint="Pack it again without `..` or `/`.", where=where
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UnreadableDocument("it is a link, not a file.", hint="Pack the file itself.", where=where)
    if info.flag_bits & _ENCRYPTED:
        raise UnreadableDocument("it is encrypted with a password.", hint=_EXPECTED, where=where)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget, where: str) -> bytes:
    """Counts as it goes, so that a lie in the archive's directory ends as soon as it shows."""
    most = min(budget.limits.file_bytes, budget.bytes_left)
    unpacked = bytearray()
    try:
        with archive.open(info) as stream:
            while chunk := stream.read(_CHUNK):
                unpacked += chunk
                if len(unpacked) > most:
                    raise TooLarge(
                        f"it unpacks to more than {most // 2**20} MB.",
                        hint=f"Expected at most {budget.limits.file_bytes // 2**20} MB a file and "
                        f"{budget.limits.total_bytes // 2**20} MB in all.",
                        where=where,
                    )
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise UnreadableDocument(
            f"it is damaged: {error or type(error).__name__}.", hint="Pack it again.", where=where
        ) from error
    finally:
        budget.bytes_left -= min(len(unpacked), budget.bytes_left)
    return bytes(unpacked)
