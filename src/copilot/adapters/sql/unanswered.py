"""What is said when the database does not answer: the driver's own words go to the log alone.

They name sockets, addresses and files, and who asked may be a representative.
"""

import logging

from copilot.adapters.seldom import Seldom
from copilot.domain.errors import DependencyUnavailable

_log = logging.getLogger(__name__)
_log.addFilter(Seldom())

_FULL = ("The database's disk is full.", "Free space on it.")
_KNOWN = {
    "disk is full": _FULL,
    "no space left": _FULL,
    "disk i/o error": ("The database's disk does not take what is written.", "Check that it has space."),
    "readonly database": ("The database takes no writes.", "Check the permissions of its files."),
}
"""What to say, and what to do, by what drivers say."""
FILE_HINT = "Check disk space and that no other process holds it."


def unanswered(error: BaseException, hint: str, *, where: str = "") -> DependencyUnavailable:
    """To be raised in place of `error`, the driver's."""
    place = f" ({where})" if where else ""
    _log.warning("the database did not answer%s: %s", place, error)
    said = str(error).lower()
    unknown = ("The database did not answer.", hint)
    message, hint = next((known for sign, known in _KNOWN.items() if sign in said), unknown)
    return DependencyUnavailable(message, hint=hint, where=where)
