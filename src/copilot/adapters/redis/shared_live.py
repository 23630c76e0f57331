"""A conversation in one server's memory, as all servers write it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from copilot.adapters.memory_event_bus import Live
from copilot.adapters.redis.streams import Entry, Position, State
from copilot.domain.assist_events import AssistEvent, ConversationSnapshot
from copilot.domain.conversation import Conversation
from copilot.domain.snapshot import advanced, shown

_EVENT: TypeAdapter[AssistEvent] = TypeAdapter(AssistEvent)
_STORED = ("snapshot", "last_id", "reserved", "floor", "lost", "saved")


@dataclass
class SharedLive(Live):
    """`position` is the last entry that was applied; `apart` says that things happened here without Redis.

    `mine` are events of ours on their way, so that we need not read what we have written.
    """

    epoch: str = ""
    position: Position = (0, 0)
    apart: bool = False
    mine: dict[str, AssistEvent] = field(default_factory=dict)
    joining: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def of(self) -> tuple[str, str]:
        return self.snapshot.conversation.tenant_id, self.snapshot.conversation.id

    def become(self, other: "SharedLive") -> None:
        """What it shows and where it stands; who watches, and what has yet to be kept, stay."""
        for name in (*_STORED, "ring", "epoch", "position"):
            setattr(self, name, getattr(other, name))


def alone(stored: Live) -> SharedLive:
    """As the store has it, for a server that Redis does not answer."""
    live = SharedLive(
        stored.snapshot, stored.last_id, stored.reserved, stored.floor, stored.lost, stored.saved
    )
    live.apart = True
    return live


def joined(stored: Live, state: State, ring: int) -> SharedLive:
    """The store's snapshot with everything in the stream that it does not hold yet."""
    live = alone(stored)
    live.apart = False
    live.epoch, live.position = state.epoch, state.saved
    live.floor = state.trimmed[0]
    live.lost = max(state.lost, live.floor if state.trimmed > state.saved else 0)
    said = [(entry.position, _said(entry)) for entry in state.entries]
    for _, thing in said:
        if not isinstance(thing, Conversation):
            live.remember(thing, ring)
    # Drafts that are being written are in no store: they add up again from where they began.
    empty = ConversationSnapshot(conversation=live.snapshot.conversation.model_copy(update={"revision": 0}))
    drafts = _after(empty, [thing for at, thing in said if at <= state.saved]).drafts
    live.snapshot = live.snapshot.model_copy(update={"drafts": drafts})
    live.snapshot = _after(live.snapshot, [thing for at, thing in said if at > state.saved])
    live.position = max([state.saved, *(at for at, _ in said)])
    live.last_id, live.reserved = state.last, state.reserved
    return live


def event_of(entry: Entry, written: AssistEvent | None = None) -> AssistEvent:
    """The event with the id that its place in the stream gave it."""
    return (written or _EVENT.validate_json(entry.body)).model_copy(update={"id": entry.position[0]})


def _said(entry: Entry) -> AssistEvent | Conversation:
    return Conversation.model_validate_json(entry.body) if entry.kind == "conversation" else event_of(entry)


def _after(
    snapshot: ConversationSnapshot, said: Sequence[AssistEvent | Conversation]
) -> ConversationSnapshot:
    for thing in said:
        snapshot = (
            advanced(snapshot, thing) if isinstance(thing, Conversation) else shown(snapshot, thing.data)
        )
    return snapshot
