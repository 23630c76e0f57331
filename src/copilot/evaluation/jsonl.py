"""Rows of JSON Lines files as values; what cannot be read is refused with its file and line."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import Refusal

RowT = TypeVar("RowT", bound=BaseModel)


def read_rows(paths: Iterable[Path], model: type[RowT]) -> tuple[list[tuple[str, RowT]], list[Refusal]]:
    """(file and line, row) of every line that reads well, and the others. Blank lines are skipped.

    `InvalidInput` when a whole file cannot be read.
    """
    rows: list[tuple[str, RowT]] = []
    refused: list[Refusal] = []
    for path in paths:
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise InvalidInput(
                f"It cannot be read: {error.strerror}.", where=str(path), hint="Expected a JSON Lines file."
            ) from error
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            read = _row(line, model)
            if isinstance(read, str):
                refused.append(Refusal(source=f"{path}:{number}", reason=read))
            else:
                rows.append((f"{path}:{number}", read))
    return rows, refused


def _row(line: bytes, model: type[RowT]) -> RowT | str:
    try:
        return model.model_validate(json.loads(line))
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte {error.start + 1} of the line cannot be read"
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    except RecursionError:
        return "not readable: nested too deeply"
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        said = "the field is missing" if first["type"] == "missing" else first["msg"]
        return f"{field}: {said}" if field else "expected a JSON object"
