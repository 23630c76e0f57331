"""Files in which an operator describes something outside (`sources/NAME.yaml`, `integrations/NAME.yaml`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from copilot.adapters.loaders.metadata import read_yaml_mapping
from copilot.domain.errors import ConfigurationError, UnreadableDocument

Described = TypeVar("Described")


def load_description(path: Path) -> dict[str, Any]:
    """What a file says; without `name` it is the file's. `ConfigurationError` naming the place."""
    try:
        values = read_yaml_mapping(path.read_text(encoding="utf-8-sig"), "the file", where=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("the file cannot be read.", where=str(path)) from error
    except UnreadableDocument as error:
        raise ConfigurationError(error.message, hint=error.hint, where=str(path)) from error
    return {"name": path.stem.lower(), **values}


def check_description(
    adapter: TypeAdapter[Described], values: Mapping[str, Any], *, of: str, where: str
) -> Described:
    """The description in `values`. `ConfigurationError` naming the field, or `of` when it is none."""
    try:
        return adapter.validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:] or first["loc"])
        raise ConfigurationError(f"{place or of}: {first['msg']}.", where=where) from error
