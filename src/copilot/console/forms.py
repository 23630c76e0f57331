"""What forms and addresses give, read into values: an empty field is no value."""

from datetime import date
from enum import StrEnum
from typing import TypeVar

from copilot.domain.errors import InvalidInput

EnumT = TypeVar("EnumT", bound=StrEnum)


def choice(kind: type[EnumT], text: str, field: str) -> EnumT | None:
    """`InvalidInput` for what is none of the choices."""
    if not text:
        return None
    try:
        return kind(text)
    except ValueError as error:
        known = ", ".join(kind)
        raise InvalidInput(f"{field} is {text[:60]!r}.", hint=f"Expected one of: {known}.") from error


def day(text: str, field: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{field} is no day: {text[:60]!r}.", hint="Expected such as 2026-11-23."
        ) from error


def lines(text: str) -> tuple[str, ...]:
    """Its lines without the empty ones."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def needed(text: str, what: str) -> str:
    """`InvalidInput` when nothing is written."""
    if not text.strip():
        raise InvalidInput(f"{what} is missing.", hint="Write it in the form.")
    return text.strip()
