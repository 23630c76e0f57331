"""How many turns wait for what they asked: beyond so many, more would only make every answer late."""

from collections.abc import Iterator
from contextlib import contextmanager

from copilot.domain.errors import Overloaded

_RETRY_SECONDS = 2.0


class Backlog:
    """One per process. It counts turns until their knowledge is shown; slow language models do not count."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = 0

    @property
    def is_busy(self) -> bool:
        """Whether work that nobody has asked for yet had better wait."""
        return 2 * self._waiting >= self._most

    @contextmanager
    def room(self) -> Iterator[None]:
        """`waiting`, or `Overloaded` when too many wait already."""
        if self._waiting >= self._most:
            raise Overloaded(
                f"{self._waiting} turns wait for their knowledge on this server",
                retry_after=_RETRY_SECONDS,
                hint="Nothing was kept: send the turn again. If it stays so, add servers.",
            )
        with self.waiting():
            yield

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """One more, for as long as the block lasts."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
