"""What a document says about itself: the same keys in front matter, meta tags and side files."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Self

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from copilot.domain.errors import UnreadableDocument
from copilot.domain.knowledge import Audience
from copilot.domain.value import Value


def _text(value: object) -> object:
    """YAML reads `version: 3` as a number; here it is a name."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _listed(value: object) -> object:
    """Tags may be a list or "one, two"."""
    return [tag.strip() for tag in value.split(",") if tag.strip()] if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_text), Field(min_length=1)]


class Metadata(Value):
    """Every key is optional; an unknown key is refused, since it is nearly always a slip of the pen."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: Annotated[str, BeforeValidator(_text), Field(pattern=r"^[\w.\-]{1,200}$")] | None = None
    title: Text | None = None
    version: Text | None = None
    kind: Text | None = None
    audience: Audience | None = None
    locale: Text | None = None
    product: Text | None = None
    tags: Annotated[tuple[Text, ...], BeforeValidator(_listed)] | None = None
    owner: Text | None = None
    review_on: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    superseded_by: Text | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError("valid_to lies before valid_from")
        return self

    def fields(self) -> dict[str, Any]:
        """What is set, by the names `ParsedDocument` has for it."""
        return self.model_dump(exclude_none=True, exclude={"id", "title"})


def safe_id(text: str) -> str:
    """The text with only what an id may hold."""
    return re.sub(r"[^\w.\-]+", "-", text)[:200].strip("-") or "unnamed"


def read_metadata(values: Mapping[str, Any], place: str, *, where: str) -> Metadata:
    """Checks metadata found at `place` ("front matter") of the file `where`. Raises `UnreadableDocument`."""
    try:
        return Metadata.model_validate(
            {str(key): value for key, value in values.items() if value is not None}, strict=False
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        problem = (
            f"unknown key `{key}`"
            if first["type"] == "extra_forbidden"
            else f"`{key}` is {first['input']!r}: {first['msg']}"
            if key
            else str(first["msg"])
        )
        raise UnreadableDocument(
            f"{place}: {problem}.", hint=f"Expected keys: {', '.join(Metadata.model_fields)}.", where=where
        ) from error


def read_yaml_mapping(text: str, place: str, *, where: str) -> dict[str, Any]:
    """A YAML mapping, or `UnreadableDocument` naming the line."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise UnreadableDocument(
            f"{place}{line} is not YAML: {problem}.", hint="Expected `key: value` lines.", where=where
        ) from error
    except ValueError as error:  # e.g. a date such as 2026-02-31
        raise UnreadableDocument(
            f"{place}: {error}.", hint="Expected dates as YYYY-MM-DD.", where=where
        ) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UnreadableDocument(
            f"{place} is not a mapping.", hint="Expected `key: value` lines.", where=where
        )
    return values
