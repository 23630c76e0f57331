"""Reading data sets of JSON Lines: what can be read is scored, the rest is refused by file and line."""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import Refusal


class DataRow(BaseModel):
    """A row of somebody's data set may hold more than we need."""

    model_config = ConfigDict(frozen=True, extra="ignore")


RowT = TypeVar("RowT", bound=DataRow)
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Row(Generic[RowT]):
    """One line that could be read; `place` is file and line, `digest` SHA-256 of its bytes."""

    place: str
    value: RowT
    digest: str


def read_rows(path: Path, kind: type[RowT]) -> tuple[list[Row[RowT]], list[Refusal]]:
    """`InvalidInput` when the file itself cannot be read."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InvalidInput(
            f"cannot read it: {error.strerror}.", where=str(path), hint="Expected a JSON Lines file."
        ) from error
    rows: list[Row[RowT]] = []
    refused: list[Refusal] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        value = _read(line, kind)
        if isinstance(value, str):
            refused.append(Refusal(source=place, reason=value, hint=_expected(kind)))
        else:
            rows.append(Row(place, value, hashlib.sha256(line).hexdigest()))
    return rows, refused


def without_repeated(
    rows: Sequence[Row[RowT]], names: Sequence[str]
) -> tuple[list[Row[RowT]], list[Refusal]]:
    """Of rows with the same name, the first; the others refused."""
    seen: set[str] = set()
    kept: list[Row[RowT]] = []
    refused: list[Refusal] = []
    for row, name in zip(rows, names, strict=True):
        if name in seen:
            refused.append(Refusal(source=row.place, reason=f"there is a row {name!r} already."))
            continue
        seen.add(name)
        kept.append(row)
    return kept, refused


def sample(items: Sequence[ItemT], limit: int | None, seed: int) -> list[ItemT]:
    """At most `limit` of them, chosen by `seed`, in their own order."""
    if limit is None or limit >= len(items):
        return list(items)
    chosen = random.Random(seed).sample(range(len(items)), limit)  # noqa: S311 - a sample, not a secret
    return [items[index] for index in sorted(chosen)]


def data_files(data: Path, pattern: str, what: str) -> list[Path]:
    """`data` itself where it is a file, else its files that match; `InvalidInput` when there is none."""
    if data.is_file():
        return [data]
    found = sorted(data.glob(pattern)) if data.is_dir() else []
    if not found:
        where = "there is no such file or folder" if not data.exists() else f"it holds no {pattern}"
        raise InvalidInput(f"{where}.", where=str(data), hint=f"Expected {what}.")
    return found


def nothing_to_score(data: Path, refused: Sequence[Refusal], what: str) -> InvalidInput:
    """What to raise when not a single row is left."""
    first = f" The first: {refused[0].source}: {refused[0].reason}" if refused else ""
    return InvalidInput(f"there is nothing to score.{first}", where=str(data), hint=f"Expected {what}.")


def _read(line: bytes, kind: type[RowT]) -> RowT | str:
    try:
        return kind.model_validate(json.loads(line))
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte {error.start + 1} of the line cannot be read."
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos + 1}."
    except RecursionError:
        return "not readable: nested too deeply."
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        said = "the field is missing" if first["type"] == "missing" else first["msg"]
        return f"{field}: {said}." if field else "expected a JSON object."


def _expected(kind: type[DataRow]) -> str:
    fields = kind.model_fields.items()
    needed = [field.alias or name for name, field in fields if field.is_required()]
    return f"Expected an object with {', '.join(needed)}." if needed else ""
