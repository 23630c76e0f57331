"""A bounded memory that forgets what was not used for longest."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """For one thread. Keys name content, so an entry is never wrong, only unused.

    At most `limit` entries, which together weigh at most `heaviest` in the units of `weigh`.
    """

    def __init__(self, limit: int, *, weigh: Callable[[V], int] | None = None, heaviest: int = 0) -> None:
        self._limit = limit
        self._weigh = weigh or (lambda _: 0)
        self._heaviest = heaviest
        self._weight = 0
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        if key in self._entries:
            self._weight -= self._weigh(self._entries.pop(key))
        self._entries[key] = value
        self._weight += self._weigh(value)
        while len(self._entries) > self._limit or self._weight > self._heaviest:
            _, forgotten = self._entries.popitem(last=False)
            self._weight -= self._weigh(forgotten)

    def clear(self) -> None:
        self._entries.clear()
        self._weight = 0
