"""A remote source, read to its end before anything of it is stored.

Reading politely takes minutes; meanwhile nothing is locked, and what fails half-way has changed nothing.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from copilot.domain.knowledge import SourceFile
from copilot.ports import RemoteSource


class SpooledSource:
    """The DocumentSource port over what was read, kept in a file without a name until it is closed."""

    def __init__(self, name: str, *, complete: bool, count: int, spool: IO[str]) -> None:
        self.name = name
        self.complete = complete
        self.documents: dict[tuple[str, str], str] = {}
        """(external id, version) → source, of everything in it."""
        self.owned: Mapping[tuple[str, str], str] = {}
        """The same of what it ever gave; set by whoever remembers that."""
        self._count = count
        self._spool = spool

    @classmethod
    def of(cls, source: RemoteSource, on_progress: Callable[[int, int], None]) -> "SpooledSource":
        """Reads all of `source`; `on_progress` hears how many of how many. Blocking."""
        spool = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the source
        documents: dict[tuple[str, str], str] = {}
        count = 0
        try:
            for file in source.read():
                spool.write(file.model_dump_json() + "\n")
                documents |= {(d.external_id, d.version): file.source for d in file.documents}
                count += 1
                on_progress(count, max(count, source.files()))
        except BaseException:
            spool.close()
            raise
        made = cls(source.name, complete=source.complete, count=count, spool=spool)
        made.documents = documents
        return made

    def files(self) -> int:
        return self._count

    def read(self) -> Iterator[SourceFile]:
        self._spool.seek(0)
        for line in self._spool:
            yield SourceFile.model_validate_json(line)

    def owns(self, external_id: str, version: str, source: str) -> bool:
        return self.owned.get((external_id, version)) == source

    def close(self) -> None:
        self._spool.close()
