"""The expectations of recorded conversations that are known not to be met: a list that only shrinks."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from copilot.domain.errors import ConfigurationError
from copilot.evaluation.conversations import Check, KnownMiss

_MISSES: TypeAdapter[list[KnownMiss]] = TypeAdapter(list[KnownMiss])


def load_known_misses(path: Path) -> list[KnownMiss]:
    """Raises `ConfigurationError` when the file is not a list of misses."""
    try:
        return _MISSES.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or [])
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"This is no list of known misses: {error}", where=str(path)) from error


def surprises(checks: Sequence[Check], known: Sequence[KnownMiss]) -> list[str]:
    """What differs from `known`, in words: misses that are not listed, listed ones that pass or are gone."""
    listed = {miss.key for miss in known}
    lines = [
        f"turn {c.turn}, {c.kind}: expected {c.expected!r}, shown {c.shown!r}"
        for c in checks
        if not c.hit and c.key not in listed
    ]
    missed = {c.key for c in checks if not c.hit}
    lines += [
        f"turn {m.turn}, {m.kind} {m.expected!r} is listed as a known miss and is none: take it off the list"
        for m in known
        if m.key not in missed
    ]
    return lines
