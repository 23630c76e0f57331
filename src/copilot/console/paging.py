"""Pages of a list: a link to the next one keeps what was chosen."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from copilot.web.cursors import decode_cursor, encode_cursor
from copilot.web.shown import shown_in

ItemT = TypeVar("ItemT")
PER_PAGE = 50


@dataclass(frozen=True)
class Listed(Generic[ItemT]):
    """`more` is the address of the next page, or None."""

    items: Sequence[ItemT]
    more: str | None


async def listed(
    find: Callable[[str | None, int], Awaitable[Sequence[ItemT]]],
    place: Callable[[ItemT], str],
    path: str,
    chosen: Mapping[str, str | None],
    cursor: str,
    limit: int = PER_PAGE,
) -> Listed[ItemT]:
    """`find(after, limit)` reads; one item too many is read to know whether more follow."""
    found = await find(decode_cursor(cursor or None), limit + 1)
    items = found[:limit]
    shown_in(items)
    if len(found) <= limit:
        return Listed(items, None)
    kept = {name: value for name, value in chosen.items() if value}
    return Listed(items, f"{path}?{urlencode({**kept, 'cursor': encode_cursor(place(items[-1]))})}")
