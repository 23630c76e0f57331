"""From a file's name and bytes to its documents: checks what it is, and opens archives and e-mails.

Files inside another are named "archive.zip!/folder/file.md".
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from copilot.adapters.loaders import known_suffixes, loader_for
from copilot.adapters.loaders.archive import ArchiveLimits, Budget, Entry, entries
from copilot.adapters.loaders.metadata import read_yaml_mapping, safe_id
from copilot.adapters.loaders.sniffing import check_content
from copilot.domain.errors import CopilotError, InvalidInput, UnreadableDocument
from copilot.domain.knowledge import INSIDE, Refusal, SourceFile

SKIPPED_FOLDERS = frozenset({"macros", "playbooks", "policies", "shop", "sources", "templates"})
"""Folders beside the articles that hold other things."""

SIDE_SUFFIX = ".yaml"
_ARCHIVE = ".zip"
_EMAIL = ".eml"
_SIDE_SUFFIXES = frozenset({".yaml", ".yml"})
_NAMELESS = frozenset({"index", "readme", "default"})
_INHERITED = frozenset({"audience", "locale", "product", "tags", "owner", "review_on"})
"""What the side file of an archive or e-mail says for every file in it."""


def readable_suffixes() -> tuple[str, ...]:
    return (*known_suffixes(), _ARCHIVE)


def read_file(
    path: str,
    content: bytes,
    *,
    source: str,
    metadata: Mapping[str, Any] | None = None,
    limits: ArchiveLimits | None = None,
) -> Iterator[SourceFile]:
    """The documents of one file, and of the files in it; one that cannot be read is a refusal, not an error.

    `path` is relative to what the file belongs to; it gives the documents their ids. Blocking, no I/O.
    """
    return _Reading(Budget(limits or ArchiveLimits())).read(path, content, source, dict(metadata or {}), 0)


def refused(error: CopilotError, source: str) -> SourceFile:
    """The file as a refusal that says what the error says."""
    reason = error.message if error.where in {"", source} else f"{error.where}: {error.message}"
    return SourceFile(source=source, refusal=Refusal(source=source, reason=reason, hint=error.hint))


def check_suffix(path: str, *, where: str) -> None:
    """`InvalidInput` when files of this kind are not read."""
    suffix = PurePosixPath(path).suffix
    if suffix.lower() not in readable_suffixes():
        raise InvalidInput(
            f"files of the kind `{suffix or PurePosixPath(path).name}` cannot be read.",
            hint=f"Expected {', '.join(readable_suffixes())}.",
            where=where,
        )


def external_id_of(path: str) -> str:
    """The file's name without its ending; `index` and `readme` take their folder's name too."""
    pure = PurePosixPath(path)
    if pure.stem.lower() in _NAMELESS and len(pure.parts) > 1:
        return f"{pure.parts[-2]}-{pure.stem.lower()}"
    return pure.stem


def has_side_name(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in _SIDE_SUFFIXES


class _Reading:
    """One outer file; the budget counts what is unpacked from it, however deep."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def read(
        self, path: str, content: bytes, source: str, metadata: dict[str, Any], depth: int
    ) -> Iterator[SourceFile]:
        try:
            check_suffix(path, where=source)
            suffix = PurePosixPath(path).suffix.lower()
            check_content(suffix, content, where=source)
            if suffix == _ARCHIVE:
                yield from self._archive(content, source, metadata, depth)
                return
            loader = loader_for(suffix)
            if loader is None:  # not reached: the suffix is known
                return
            documents = loader.load(
                content, external_id=external_id_of(path), source=source, metadata=metadata
            )
        except CopilotError as error:
            yield refused(error, source)
        else:
            yield SourceFile(source=source, documents=tuple(documents))
        if PurePosixPath(path).suffix.lower() == _EMAIL:
            yield from self._attachments(path, content, source, metadata, depth)

    def _archive(
        self, content: bytes, source: str, metadata: dict[str, Any], depth: int
    ) -> Iterator[SourceFile]:
        self._check_depth(depth, source)
        inherited = {key: value for key, value in metadata.items() if key in _INHERITED}
        sides: dict[str, Entry] = {}
        count = 0
        for entry in entries(content, self._budget, first=has_side_name, where=source):
            if has_side_name(entry.path):
                sides[entry.path] = entry
                continue
            if not SKIPPED_FOLDERS.isdisjoint(PurePosixPath(entry.path).parts[:-1]):
                continue
            count += 1
            inner = f"{source}{INSIDE}{entry.path}"
            try:
                if entry.problem is not None:
                    raise entry.problem
                own = {**inherited, **_side_values(sides.get(entry.path + SIDE_SUFFIX), inner)}
            except CopilotError as error:
                yield refused(error, inner)
                continue
            yield from self.read(entry.path, entry.content, inner, own, depth + 1)
        if not count:
            raise UnreadableDocument("the archive has no files.", hint="Pack documents.", where=source)

    def _attachments(
        self, path: str, content: bytes, source: str, metadata: dict[str, Any], depth: int
    ) -> Iterator[SourceFile]:
        """Named by their mail, since "scan.pdf" hangs on many."""
        from copilot.adapters.loaders.email import attachments  # noqa: PLC0415 - parsers cost start-up time

        mail = external_id_of(path)
        own = {"audience": "internal"} | {k: v for k, v in metadata.items() if k in _INHERITED}
        try:
            found = list(attachments(content, where=source))
            if found:
                self._check_depth(depth, source)
        except CopilotError:
            return  # the mail itself was refused for it already
        for name, inside in found:
            plain = re.sub(r"[/\\\x00-\x1f]", "_", name)
            inner = f"{source}{INSIDE}{plain}"
            stem = external_id_of(plain)
            yield from self.read(plain, inside, inner, {**own, "id": safe_id(f"{mail}-{stem}")}, depth + 1)

    def _check_depth(self, depth: int, source: str) -> None:
        if depth > self._budget.limits.depth:
            raise UnreadableDocument(
                f"archives are packed into each other more than {self._budget.limits.depth} deep.",
                hint="Unpack the inner ones first.",
                where=source,
            )


def _side_values(entry: Entry | None, source: str) -> dict[str, Any]:
    if entry is None:
        return {}
    if entry.problem is not None:
        raise entry.problem
    where = source + SIDE_SUFFIX
    try:
        return read_yaml_mapping(entry.content.decode("utf-8-sig"), "side file", where=where)
    except UnicodeDecodeError as error:
        raise UnreadableDocument("the side file is not UTF-8.", where=where) from error
