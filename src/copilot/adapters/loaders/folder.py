"""A folder of documents as a source: walks it, pairs each file with its side file, refuses file by file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from copilot.adapters.loaders import known_suffixes, loader_for
from copilot.adapters.loaders.metadata import read_yaml_mapping
from copilot.domain.errors import CopilotError, InvalidInput, NotFound, TooLarge, UnreadableDocument
from copilot.domain.knowledge import ParsedDocument, Refusal, SourceFile

SKIPPED_FOLDERS = frozenset({"macros", "playbooks", "policies", "shop", "sources", "templates"})
"""Folders beside the articles that hold other things."""

_SIDE_SUFFIX = ".yaml"
_MAX_BYTES = 50 * 2**20


class FolderSource:
    """Every document under `folder`; their `source` is "FOLDER/path/in/it".

    `NAME.pdf.yaml` beside `NAME.pdf` holds its metadata, for any kind of file. Hidden files and links that
    lead out of the folder are passed over. Raises `NotFound` when there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotFound("there is no such folder.", hint="Expected a folder.", where=str(folder))
        self._folder = folder.resolve()
        self.prefix = f"{self._folder.name}/"

    def files(self) -> int:
        return len(self._paths())

    def read(self) -> Iterator[SourceFile]:
        for path in self._paths():
            source = self.prefix + path.relative_to(self._folder).as_posix()
            try:
                yield _parse(path, source)
            except CopilotError as error:
                reason = error.message if error.where in {"", source} else f"{error.where}: {error.message}"
                yield SourceFile(
                    source=source, refusal=Refusal(source=source, reason=reason, hint=error.hint)
                )

    def _paths(self) -> list[Path]:
        paths = []
        for path in sorted(self._folder.rglob("*")):
            inside = path.relative_to(self._folder).parts
            if path.suffix in {".yaml", ".yml"} or any(part.startswith((".", "~$")) for part in inside):
                continue
            if SKIPPED_FOLDERS.isdisjoint(inside[:-1]) and self._is_inside(path) and path.is_file():
                paths.append(path)
        return paths

    def _is_inside(self, path: Path) -> bool:
        return not path.is_symlink() or path.resolve().is_relative_to(self._folder)


def read_document(path: Path) -> tuple[ParsedDocument, ...]:
    """The documents of one file, with its side file. `NotFound`, or `UnreadableDocument` saying why."""
    if not path.is_file():
        raise NotFound("there is no such file.", where=str(path))
    return _parse(path, path.name).documents


def _parse(path: Path, source: str) -> SourceFile:
    loader = loader_for(path.suffix)
    if loader is None:
        raise InvalidInput(
            f"files of the kind `{path.suffix or path.name}` cannot be read.",
            hint=f"Expected {', '.join(known_suffixes())}.",
            where=source,
        )
    try:
        if (size := path.stat().st_size) > _MAX_BYTES:
            raise TooLarge(
                f"the file has {size // 2**20} MB.",
                hint=f"Expected at most {_MAX_BYTES // 2**20} MB.",
                where=source,
            )
        content = path.read_bytes()
        metadata = _side_file(path, source)
    except OSError as error:
        raise UnreadableDocument(f"the file cannot be opened: {error.strerror}.", where=source) from error
    documents = loader.load(content, external_id=path.stem, source=source, metadata=metadata)
    return SourceFile(source=source, documents=tuple(documents))


def _side_file(path: Path, source: str) -> dict[str, Any]:
    side = path.with_name(path.name + _SIDE_SUFFIX)
    if not side.is_file():
        return {}
    where = source + _SIDE_SUFFIX
    try:
        text = side.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocument("the side file is not UTF-8.", where=where) from error
    return read_yaml_mapping(text, "side file", where=where)
