"""Live events within one process: numbering, replay, snapshots and bounded fan-out."""

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from copilot.domain.actions import Action
from copilot.domain.assist import (
    Answer,
    AskStep,
    Degraded,
    KnowledgeCards,
    NextActions,
    Suggestion,
    SuggestionBlocked,
    SuggestionDelta,
    SuggestionSilent,
    ToolResultShown,
)
from copilot.domain.assist_events import (
    ActionUpdatedEvent,
    AlertEvent,
    AskAnsweredEvent,
    AskStepEvent,
    AssistEvent,
    ConversationSnapshot,
    DegradedEvent,
    EventData,
    KnowledgeEvent,
    NextActionsEvent,
    PartialTurnEvent,
    RevisionDone,
    RevisionDoneEvent,
    SnapshotEvent,
    SuggestionBlockedEvent,
    SuggestionCompletedEvent,
    SuggestionDeltaEvent,
    SuggestionSilentEvent,
    SummaryEvent,
    ToolResultEvent,
    TurnEvent,
    UnderstandingEvent,
    WrapUpEvent,
)
from copilot.domain.conversation import Conversation, PartialTurn, Turn
from copilot.domain.signals import Alert
from copilot.domain.snapshot import Progress, advanced, shown
from copilot.domain.understanding import Understanding
from copilot.domain.wrap_up import Summary, WrapUp
from copilot.ports import Clock, ConversationStore

_REVISIONS_KEPT = 2
_NEVER = datetime.min.replace(tzinfo=UTC)
_EVENT_OF: dict[type[EventData], type[AssistEvent]] = {
    Turn: TurnEvent,
    PartialTurn: PartialTurnEvent,
    Understanding: UnderstandingEvent,
    KnowledgeCards: KnowledgeEvent,
    ToolResultShown: ToolResultEvent,
    NextActions: NextActionsEvent,
    Action: ActionUpdatedEvent,
    SuggestionDelta: SuggestionDeltaEvent,
    Suggestion: SuggestionCompletedEvent,
    SuggestionBlocked: SuggestionBlockedEvent,
    SuggestionSilent: SuggestionSilentEvent,
    Summary: SummaryEvent,
    WrapUp: WrapUpEvent,
    Degraded: DegradedEvent,
    AskStep: AskStepEvent,
    Answer: AskAnsweredEvent,
    Alert: AlertEvent,
    RevisionDone: RevisionDoneEvent,
    ConversationSnapshot: SnapshotEvent,
}


@dataclass(frozen=True)
class BusLimits:
    """Bounds on memory; `id_block` ids are reserved at a time, so that a write comes once per so many.

    A conversation that nobody watches or works on for `idle_seconds` leaves memory; the store has it.
    """

    ring: int = 512
    subscriber_queue: int = 256
    live_conversations: int = 1_000
    idle_seconds: float = 60.0
    replay_from_store: int = 500
    id_block: int = 1_000


Sent = TypeVar("Sent")


class _Subscriber(Generic[Sent]):
    """A bounded queue; when it overflows it is emptied and ends."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Sent] = deque()
        self._something = asyncio.Event()
        self.cut_off = False

    def put(self, event: Sent) -> bool:
        """False when this was one too many: the subscriber is cut off."""
        if len(self._waiting) >= self._limit:
            self.cut_off = True
            self._waiting.clear()
        else:
            self._waiting.append(event)
        self._something.set()
        return not self.cut_off

    async def next(self) -> Sent | None:
        """None when cut off."""
        while not self._waiting and not self.cut_off:
            self._something.clear()
            await self._something.wait()
        return None if self.cut_off else self._waiting.popleft()


@dataclass
class Live:
    """One conversation in memory.

    The ring holds every event with an id greater than `floor`. Lasting events up to `saved` are in the store;
    up to `lost` some may be nowhere else, because the ring was full or the process before this one died.
    """

    snapshot: ConversationSnapshot
    last_id: int
    reserved: int
    floor: int
    lost: int
    saved: int
    ring: deque[AssistEvent] = field(default_factory=deque)
    unsaved: list[AssistEvent] = field(default_factory=list)
    changed: bool = False
    used_at: datetime = _NEVER
    subscribers: set[_Subscriber[AssistEvent]] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def revision(self) -> int:
        return self.snapshot.conversation.revision

    def remember(self, event: AssistEvent, most: int) -> None:
        """Keeps the event, the newest, for who missed it; `most` at a time."""
        self.last_id = event.id
        self.ring.append(event)
        if len(self.ring) > most:
            self.floor = self.lost = self.ring.popleft().id


class MemoryEventBus:
    """The EventBus port for one process.

    What must hold: between reading a `Live` and acting on it there is no await, so a subscriber's snapshot
    or replay and the live events that follow it meet without a gap and without a duplicate.
    """

    def __init__(self, store: ConversationStore, clock: Clock, limits: BusLimits | None = None) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits or BusLimits()
        self._live: OrderedDict[tuple[str, str], Live] = OrderedDict()
        self._alert_watchers: defaultdict[str, set[_Subscriber[Alert]]] = defaultdict(set)
        self._loading = asyncio.Lock()
        self._swept_at = clock.now()
        self._listeners: list[Callable[[AssistEvent], None]] = []
        self.cut_off_count = 0

    @property
    def subscriber_count(self) -> int:
        return sum(len(live.subscribers) for live in self._live.values())

    @property
    def live_count(self) -> int:
        return len(self._live)

    @property
    def event_count(self) -> int:
        """Events in memory."""
        return sum(len(live.ring) for live in self._live.values())

    def listen(self, listener: Callable[[AssistEvent], None]) -> None:
        """`listener` hears of every event once, when it is sent; it must be quick and raise nothing."""
        self._listeners.append(listener)

    async def conversation(self, tenant_id: str, conversation_id: str) -> Conversation:
        return (await self._of(tenant_id, conversation_id)).snapshot.conversation

    async def advance(self, conversation: Conversation) -> None:
        live = await self._of(conversation.tenant_id, conversation.id)
        if conversation.revision >= live.revision:
            live.snapshot = advanced(live.snapshot, conversation)
            live.changed = True

    async def publish(
        self, tenant_id: str, conversation_id: str, revision: int, data: EventData
    ) -> AssistEvent | None:
        while True:
            live = await self._of(tenant_id, conversation_id)
            if revision < live.revision:
                return None
            if live.last_id < live.reserved:
                break
            await self._reserve(live)
        event = self._event(live.last_id + 1, conversation_id, revision, data)
        self._send(live, event)
        if isinstance(data, Alert):
            self._tell_watchers(data)
        return event

    async def progress(self, tenant_id: str, conversation_id: str, turn_id: str) -> Progress:
        live = await self._of(tenant_id, conversation_id)
        events = [event for event in live.ring if not isinstance(event, SuggestionDeltaEvent)]
        first = max(0, live.floor - self._limits.replay_from_store)
        stored = await self._store.events_after(tenant_id, conversation_id, first)
        told = [e.revision for e in (*stored, *events) if isinstance(e, TurnEvent) and e.data.id == turn_id]
        if not told:
            return Progress.UNTOLD
        done = {e.revision for e in (*stored, *events) if isinstance(e, RevisionDoneEvent)}
        return Progress.DONE if told[0] in done else Progress.TOLD

    async def save(self, tenant_id: str, conversation_id: str) -> None:
        live = await self._of(tenant_id, conversation_id)
        async with live.lock:
            await self._save(live)

    async def subscribe(
        self, tenant_id: str, conversation_id: str, after: int | None
    ) -> AsyncGenerator[AssistEvent]:
        live = await self._of(tenant_id, conversation_id)
        subscriber: _Subscriber[AssistEvent] = _Subscriber(self._limits.subscriber_queue)
        live.subscribers.add(subscriber)
        try:
            for event in await self._missed(live, after):
                yield event
            while (next_event := await subscriber.next()) is not None:
                yield next_event
        finally:
            live.subscribers.discard(subscriber)
            self._used((tenant_id, conversation_id), live)  # a panel that reconnects finds what it missed

    async def watch_alerts(self, tenant_id: str, after: str | None) -> AsyncGenerator[Alert]:
        watcher: _Subscriber[Alert] = _Subscriber(self._limits.subscriber_queue)
        self._alert_watchers[tenant_id].add(watcher)
        try:
            missed = await self._store.alerts_since(tenant_id, after) if after is not None else []
            for alert in missed:
                yield alert
            seen = {alert.id for alert in missed}
            while (raised := await watcher.next()) is not None:
                if raised.id not in seen:
                    yield raised
        finally:
            self._alert_watchers[tenant_id].discard(watcher)

    def _tell_watchers(self, alert: Alert) -> None:
        for watcher in list(self._alert_watchers[alert.tenant_id]):
            if not watcher.put(alert):
                self._alert_watchers[alert.tenant_id].discard(watcher)
                self.cut_off_count += 1

    def _event(self, number: int, conversation_id: str, revision: int, data: EventData) -> AssistEvent:
        return _EVENT_OF[type(data)](
            id=number,
            conversation_id=conversation_id,
            revision=revision,
            created_at=self._clock.now(),
            data=data,
        )

    def _send(self, live: Live, event: AssistEvent) -> None:
        self._show(live, event)
        live.changed = True
        if not isinstance(event.data, SuggestionDelta | PartialTurn):
            live.unsaved.append(event)
        for listener in self._listeners:
            listener(event)

    def _show(self, live: Live, event: AssistEvent) -> None:
        """To who watches here, and in snapshots from now on."""
        live.snapshot = shown(live.snapshot, event.data)
        live.remember(event, self._limits.ring)
        self._tell(live, event)

    def _tell(self, live: Live, event: AssistEvent) -> None:
        for subscriber in list(live.subscribers):
            if not subscriber.put(event):
                live.subscribers.discard(subscriber)
                self.cut_off_count += 1

    async def _missed(self, live: Live, after: int | None) -> Sequence[AssistEvent]:
        """What a subscriber has to see before the events that are queued for it from this moment on."""
        snapshot = self._snapshot(live)
        if after is None or after > live.last_id:
            return [snapshot]
        in_ring = [event for event in live.ring if event.id > after]
        if after >= live.floor:
            return in_ring
        floor = live.floor
        if after > live.saved or live.lost > live.saved or _passing(live.snapshot):
            return [snapshot]  # something between is nowhere any more
        conversation, limit = live.snapshot.conversation, self._limits.replay_from_store
        stored = await self._store.events_after(
            conversation.tenant_id, conversation.id, after, limit=limit + 1
        )
        older = [event for event in stored if event.id <= floor]
        return [snapshot] if len(stored) > limit else [*older, *in_ring]

    def _snapshot(self, live: Live) -> SnapshotEvent:
        return SnapshotEvent(
            id=live.last_id,
            conversation_id=live.snapshot.conversation.id,
            revision=live.revision,
            created_at=self._clock.now(),
            data=live.snapshot,
        )

    async def _reserve(self, live: Live) -> None:
        async with live.lock:
            if live.last_id < live.reserved:
                return
            block = self._limits.id_block
            first = await self._store.reserve_event_ids(live.snapshot.conversation.id, block)
            if live.last_id < first:
                live.last_id = first - 1
            live.reserved = first + block - 1

    async def _save(self, live: Live) -> None:
        if not live.changed:
            return
        snapshot, events, last_id = live.snapshot, list(live.unsaved), live.last_id
        live.changed = False
        try:
            kept = await self._store.save_revision(
                snapshot, events, tenant_id=snapshot.conversation.tenant_id
            )
        except BaseException:
            live.changed = True
            raise
        del live.unsaved[: len(events)]
        if kept:
            live.saved = last_id
            self._let_go(live)

    def _let_go(self, live: Live) -> None:
        """Of what the store has, only the last revisions stay: the events of a turn weigh some 25 kB."""
        oldest = live.revision - _REVISIONS_KEPT + 1
        while live.ring and live.ring[0].id <= live.saved and live.ring[0].revision < oldest:
            live.floor = live.ring.popleft().id

    async def _of(self, tenant_id: str, conversation_id: str) -> Live:
        """The live conversation, from the store when it is not in memory. `NotFound`."""
        key = (tenant_id, conversation_id)
        live = self._live.get(key)
        if live is not None:
            self._used(key, live)
            return live
        async with self._loading:
            if key not in self._live:
                await self._make_room()
                self._live[key] = await self._load(tenant_id, conversation_id)
            self._used(key, self._live[key])
            return self._live[key]

    def _used(self, key: tuple[str, str], live: Live) -> None:
        """The most recently used is the last, and the last to be forgotten."""
        if self._live.get(key) is live:
            self._live.move_to_end(key)
            live.used_at = self._clock.now()

    async def _load(self, tenant_id: str, conversation_id: str) -> Live:
        marks = await self._store.event_marks(tenant_id, conversation_id)
        snapshot = await self._store.snapshot(tenant_id, conversation_id)
        all_saved = marks.saved_revision == snapshot.conversation.revision
        return Live(
            snapshot=snapshot,
            last_id=marks.reserved,
            reserved=marks.reserved,
            floor=marks.reserved,
            lost=0 if all_saved else marks.reserved,
            saved=marks.saved,
        )

    async def _make_room(self) -> None:
        """Forgets the conversations that have been idle longest; their state is in the store."""
        self._forget_idle()
        excess = len(self._live) + 1 - self._limits.live_conversations
        idle = [key for key, live in self._live.items() if not live.subscribers]
        for key in idle[: max(0, excess)]:
            live = self._live[key]
            async with live.lock:
                await self._save(live)
            if not live.subscribers and not live.changed:
                del self._live[key]

    def _forget_idle(self) -> None:
        """At most four times within `idle_seconds`: the watched and silent are looked at each time."""
        now, idle = self._clock.now(), timedelta(seconds=self._limits.idle_seconds)
        if now - self._swept_at < idle / 4:
            return
        self._swept_at = now
        for key, live in list(self._live.items()):
            if now - live.used_at < idle:
                break  # the others were used later
            if self._may_leave(live):
                del self._live[key]

    def _may_leave(self, live: Live) -> bool:
        """Whether the store has all of it, and nobody here waits for more."""
        return not (live.subscribers or live.changed or live.lock.locked())


def _passing(snapshot: ConversationSnapshot) -> bool:
    """Whether something is being shown whose events are not kept: only a snapshot brings it back."""
    return bool(snapshot.drafts or snapshot.partials)
