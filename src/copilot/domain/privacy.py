"""Personal data in a text."""

from typing import NamedTuple


class PersonalData(NamedTuple):
    """Characters `start`..`end` of the text are personal data of `kind`: CARD, NAME, PL_PESEL …"""

    kind: str
    start: int
    end: int
