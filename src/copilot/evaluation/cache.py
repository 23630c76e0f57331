"""What finished runs found, kept by a digest of everything it depends on."""

import json
from pathlib import Path
from typing import Generic, Self, TextIO, TypeVar

from pydantic import ValidationError

from copilot.domain.value import Value
from copilot.evaluation.fingerprint import data_digest, digest_of, settings_digest, source_digest
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult
from copilot.evaluation.metrics.metric import Score
from copilot.evaluation.workbench import CACHE, settings_for

ValueT = TypeVar("ValueT", bound=Value)


class Fingerprint(Value):
    """`system` is what a case's score depends on beside the case; `run` is that and all of the data."""

    system: str
    run: str


def fingerprint(kind: str, options: KindOptions) -> Fingerprint:
    system = digest_of(
        kind,
        source_digest(),
        settings_digest(settings_for(options.system)),
        data_digest(options.train),
        str(options.seed),
    )
    return Fingerprint(system=system, run=digest_of(system, data_digest(options.data), str(options.limit)))


class ResultCache:
    """Below one folder: whole results, and for those under way the cases that are done."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def within(cls, data_dir: Path) -> Self:
        return cls(data_dir / CACHE)

    def result(self, key: str) -> KindResult | None:
        path = self._folder / "results" / f"{key}.json"
        try:
            return KindResult.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def keep_result(self, key: str, result: KindResult) -> None:
        """Written whole or not at all."""
        path = self._folder / "results" / f"{key}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        unfinished.write_text(result.model_dump_json(), encoding="utf-8")
        unfinished.replace(path)

    def cases(self, key: str) -> "Stored[CaseResult]":
        return Stored(self._folder / "cases" / f"{key}.jsonl", CaseResult)

    def scores(self, key: str) -> "Stored[Score]":
        """What a judge said; `key` is of the judge and of how it is asked."""
        return Stored(self._folder / "judged" / f"{key}.jsonl", Score)


class Stored(Generic[ValueT]):
    """A file of finished values, one a line; a line that a kill cut off is passed over."""

    def __init__(self, path: Path, kind: type[ValueT]) -> None:
        self._path = path
        self._known = dict(_read(path, kind))
        self._file: TextIO | None = None
        self.recalled = 0

    def recall(self, key: str) -> ValueT | None:
        found = self._known.get(key)
        self.recalled += found is not None
        return found

    def keep(self, key: str, result: ValueT) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
            self._file.write("\n")  # after a line that a kill has cut off
        self._known[key] = result
        self._file.write(json.dumps({"key": key, "value": result.model_dump(mode="json")}) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _read(path: Path, kind: type[ValueT]) -> list[tuple[str, ValueT]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            row = json.loads(line)
            found.append((row["key"], kind.model_validate(row["value"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found
