"""How many wait for what they asked: beyond so many, more would only make every answer late."""

from collections.abc import Iterator
from contextlib import contextmanager

from copilot.assist.collaborators import Searcher
from copilot.domain.errors import Overloaded
from copilot.domain.knowledge import SearchQuery, SearchResult

_RETRY_SECONDS = 2.0


class Backlog:
    """One per process. It counts turns until their knowledge is shown, and searches for questions.

    Slow language models and order systems do not count.
    """

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
                f"{self._waiting} turns and questions wait for their knowledge on this server",
                retry_after=_RETRY_SECONDS,
                hint="Nothing was kept: send it again. If it stays so, add servers.",
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


class CountedSearch:
    """A `Searcher` that whoever waits for counts."""

    def __init__(self, search: Searcher, backlog: Backlog) -> None:
        self._search = search
        self._backlog = backlog

    async def search(self, query: SearchQuery) -> SearchResult:
        with self._backlog.waiting():
            return await self._search.search(query)
