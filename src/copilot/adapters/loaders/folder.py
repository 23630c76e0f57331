"""Folders and files on disk as sources: each file with its side file, refused one by one."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from copilot.adapters.loaders.file_stamps import looks
from copilot.adapters.loaders.metadata import read_yaml_mapping
from copilot.adapters.loaders.reading import (
    SIDE_SUFFIX,
    SKIPPED_FOLDERS,
    check_suffix,
    has_side_name,
    read_file,
    refused,
)
from copilot.domain.errors import CopilotError, NotFound, TooLarge, UnreadableDocument
from copilot.domain.knowledge import INSIDE, ParsedDocument, SourceFile

_MAX_BYTES = 50 * 2**20
_MAX_ARCHIVE_BYTES = 200 * 2**20
"""Read whole into memory, for a moment."""


class FolderSource:
    """Every document under `folder`; their `source` is "NAME/path/in/it", NAME being the folder's own.

    `NAME.pdf.yaml` beside `NAME.pdf` holds its metadata, for any kind of file. Hidden files and links that
    lead out of the folder are passed over. Raises `NotFound` when there is no such folder.
    """

    def __init__(self, folder: Path, name: str | None = None, now: Callable[[], int] = time.time_ns) -> None:
        if not folder.is_dir():
            raise NotFound("there is no such folder.", hint="Expected a folder.", where=str(folder))
        self._folder = folder.resolve()
        self.name = name or self._folder.name
        self.prefix = f"{self.name}/"
        self.complete = True
        self._now = now
        self._recalled: Mapping[str, str] = {}
        self._stamps: dict[str, str] = {}

    def owns(self, _external_id: str, _version: str, source: str) -> bool:
        return source.startswith(self.prefix)

    def files(self) -> int:
        return len(self._paths())

    def read(self) -> Iterator[SourceFile]:
        for path in self._paths():
            source = self.prefix + path.relative_to(self._folder).as_posix()
            before = looks(path, self._now())
            if before is not None and before == self._recalled.get(source):
                yield SourceFile(source=source, unchanged=True)
                continue
            yield from _read(path, _below_root(source), source)
            if before is not None and before == looks(path, self._now()):
                self._stamps[source] = before

    def recall(self, stamps: Mapping[str, str]) -> None:
        self._recalled = stamps

    def stamp(self, source: str) -> str | None:
        return self._stamps.get(source)

    def close(self) -> None:
        """Nothing to release."""

    def _paths(self) -> list[Path]:
        paths = []
        for folder, inner, names in os.walk(self._folder, onerror=self._unreadable):
            inner[:] = [name for name in inner if name not in SKIPPED_FOLDERS and not _is_hidden(name)]
            found = (Path(folder, name) for name in names if not _is_hidden(name) and not has_side_name(name))
            paths += [path for path in found if self._is_inside(path) and path.is_file()]
        return sorted(paths)

    def _is_inside(self, path: Path) -> bool:
        return not path.is_symlink() or path.resolve().is_relative_to(self._folder)

    def _unreadable(self, _error: OSError) -> None:
        # What lies in a folder that cannot be opened is not known to be gone.
        self.complete = False


class FileSource:
    """One file, or archive, as a source of its own. Raises `NotFound` when there is no such file."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        if not path.is_file():
            raise NotFound("there is no such file.", hint="Expected a file or folder.", where=str(path))
        self._path = path
        self.name = name or path.name
        self.complete = True

    def owns(self, _external_id: str, _version: str, source: str) -> bool:
        return source == self.name or source.startswith(self.name + INSIDE)

    def files(self) -> int:
        return 1

    def read(self) -> Iterator[SourceFile]:
        return _read(self._path, _below_root(self.name), self.name)

    def close(self) -> None:
        """Nothing to release."""


def read_document(path: Path) -> tuple[ParsedDocument, ...]:
    """The documents of one file, with its side file. `NotFound`, or `UnreadableDocument` saying why."""
    documents: list[ParsedDocument] = []
    for file in FileSource(path).read():
        if file.refusal is not None:
            raise UnreadableDocument(file.refusal.reason, hint=file.refusal.hint, where=file.source)
        documents += file.documents
    return tuple(documents)


def _read(path: Path, inside: str, source: str) -> Iterator[SourceFile]:
    try:
        check_suffix(path.name, where=source)
        content = _bytes(path, source)
        metadata = _side_file(path, source)
    except CopilotError as error:
        yield refused(error, source)
        return
    yield from read_file(inside, content, source=source, metadata=metadata)


def _below_root(source: str) -> str:
    """The path that gives ids: a part of an ingested folder gives its documents those they have there."""
    return source.partition("/")[2] or source


def _bytes(path: Path, source: str) -> bytes:
    """Refused by its size before anything of it is read."""
    most = _MAX_ARCHIVE_BYTES if path.suffix.lower() == ".zip" else _MAX_BYTES
    try:
        if (size := path.stat().st_size) > most:
            raise TooLarge(
                f"the file has {size // 2**20} MB.",
                hint=f"Expected at most {most // 2**20} MB: divide it.",
                where=source,
            )
        return path.read_bytes()
    except OSError as error:
        raise UnreadableDocument(f"the file cannot be opened: {error.strerror}.", where=source) from error


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "~$"))


def _side_file(path: Path, source: str) -> dict[str, Any]:
    side = path.with_name(path.name + SIDE_SUFFIX)
    if not side.is_file():
        return {}
    where = source + SIDE_SUFFIX
    try:
        text = side.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocument("the side file is not UTF-8.", where=where) from error
    except OSError as error:
        raise UnreadableDocument(f"the side file cannot be opened: {error.strerror}.", where=where) from error
    return read_yaml_mapping(text, "side file", where=where)
