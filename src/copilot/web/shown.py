"""Which conversations an answer shows, where its address does not name them: noted by whoever shows them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from copilot.domain.conversation import Conversation

_shown: ContextVar[list[str] | None] = ContextVar("conversations shown", default=None)


@contextmanager
def showing() -> Iterator[list[str]]:
    """The ids of conversations that are shown within, as they are noted."""
    ids: list[str] = []
    token = _shown.set(ids)
    try:
        yield ids
    finally:
        _shown.reset(token)


def shown(conversation_ids: Iterable[str]) -> None:
    """Outside `showing` nobody wants to know."""
    ids = _shown.get()
    if ids is not None:
        ids.extend(conversation_ids)


def shown_in(items: Iterable[object]) -> None:
    """Those that items of a list are, belong to, or name."""
    for item in items:
        if isinstance(item, Conversation):
            shown([item.id])
        elif (one := getattr(item, "conversation_id", None)) is not None:
            shown([str(one)])
        else:
            shown(map(str, getattr(item, "conversation_ids", ())))
