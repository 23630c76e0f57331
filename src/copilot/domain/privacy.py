"""Personal data in a text, and what is left of it after an erasure."""

from typing import NamedTuple

from copilot.domain.value import Value


class PersonalData(NamedTuple):
    """Characters `start`..`end` of the text are personal data of `kind`: CARD, NAME, PL_PESEL …"""

    kind: str
    start: int
    end: int


class OpenEntry(Value):
    """An old entry of the ledger that holds, in `fields`, what people wrote: the chain cannot lose it."""

    entry: int
    kind: str
    fields: tuple[str, ...]
