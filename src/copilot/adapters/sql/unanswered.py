"""What is said when the database does not answer: the driver's own words go to the log alone.

They name sockets, addresses and files, and who asked may be a representative.
"""

import logging

from copilot.adapters.seldom import Seldom
from copilot.domain.errors import DependencyUnavailable

_log = logging.getLogger(__name__)
_log.addFilter(Seldom())

_KNOWN = (
    ("disk is full", "The database's disk is full.", "Free space on it."),
    ("readonly database", "The database takes no writes.", "Check the permissions of its files."),
    ("no space left", "The database's disk is full.", "Free space on it."),
    (
        "disk i/o error",
        "The database's disk does not take what is written.",
        "Check that it has space.",
    ),
)
FILE_HINT = "Check disk space and that no other process holds it."


def unanswered(error: BaseException, hint: str, *, where: str = "") -> DependencyUnavailable:
    """To be raised in place of `error`, the driver's."""
    place = f" ({where})" if where else ""
    _log.warning("the database did not answer%s: %s", place, error)
    said = str(error).lower()
    unknown = ("The database did not answer.", hint)
    message, hint = next(((told, do) for sign, told, do in _KNOWN if sign in said), unknown)
    return DependencyUnavailable(message, hint=hint, where=where)
