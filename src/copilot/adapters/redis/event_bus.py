"""Live events for any number of servers: each shows its own watchers what all of them write, in one order.

While Redis is gone a server goes on by itself, with event ids of its own from the store: who watches there
sees everything that happens there, and is told so. When Redis is back, the store's truth is shown to all.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from copilot.adapters.memory_event_bus import BusLimits, Live, MemoryEventBus
from copilot.adapters.redis.shared_live import SharedLive, alone, event_of, joined
from copilot.adapters.redis.streams import Changed, Entry, SharedStreams, State, follow_feed
from copilot.domain.assist import Degraded
from copilot.domain.assist_events import AssistEvent, EventData
from copilot.domain.conversation import Conversation, ConversationStatus
from copilot.domain.errors import DependencyUnavailable
from copilot.domain.signals import Alert
from copilot.domain.snapshot import Progress, advanced
from copilot.ports import Clock, ConversationStore
from copilot.ports.tasks import ended

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger(__name__)
_REDIS = "Redis"
_BLOCK_MS = 1_000
_AWAY_SECONDS = 5.0
"""A server that did not listen for so long looks at everything that it shows."""
_RETRY_SECONDS = 0.25
_LOCK_MS = 5_000
_LOCK_WAIT = 0.02
ALONE = "Other servers are not told of what happens here until Redis is back."


class RedisEventBus(MemoryEventBus):
    """The EventBus port over Redis Streams; `start` it, and `stop` it."""

    def __init__(
        self,
        store: ConversationStore,
        clock: Clock,
        redis: "Redis",
        blocking: "Redis",
        limits: BusLimits | None = None,
    ) -> None:
        """`blocking` is a client that may wait for an answer for longer than a second."""
        super().__init__(store, clock, limits)
        self._streams = SharedStreams(redis, ring=self._limits.ring, me=uuid4().hex)
        self._blocking = blocking
        self._tokens = count()
        self._follower: asyncio.Task[None] | None = None
        self._down = False

    @property
    def connected(self) -> bool:
        return not self._down

    async def start(self) -> None:
        """Listens to the others from now on; without Redis as soon as it is there."""
        try:
            after = await self._streams.feed_end()
        except DependencyUnavailable as error:
            self._lost(error)
            after = "0-0"
        self._follower = asyncio.create_task(self._follow(after), name="live events of other servers")

    async def stop(self) -> None:
        if self._follower is not None:
            await ended(self._follower, patience=1)

    # ------------------------------------------------------------ the port

    async def conversation(self, tenant_id: str, conversation_id: str) -> Conversation:
        live = await self._current(tenant_id, conversation_id)
        if self._down:
            stored = await self._store.get(tenant_id, conversation_id)
            if stored.revision > live.revision:
                live.snapshot = advanced(live.snapshot, stored)
        return live.snapshot.conversation

    async def advance(self, conversation: Conversation) -> None:
        live = await self._shared(conversation.tenant_id, conversation.id)
        entry = Entry((0, 0), "conversation", self._token(), conversation.model_dump_json())
        try:
            await self._write(live, entry, conversation.revision)
        except DependencyUnavailable as error:
            self._lost(error)
            async with live.joining:
                await super().advance(conversation)
                await self._part(live)

    async def publish(
        self, tenant_id: str, conversation_id: str, revision: int, data: EventData
    ) -> AssistEvent | None:
        live = await self._shared(tenant_id, conversation_id)
        event = self._event(1, conversation_id, revision, data)
        token = self._token()
        live.mine[token] = event
        entry = Entry((0, 0), "event", token, event.model_dump_json())
        alert = data.model_dump_json() if isinstance(data, Alert) else ""
        try:
            number = await self._write(live, entry, revision, alert=alert)
        except DependencyUnavailable as error:
            self._lost(error)
            return await self._alone(live, revision, data)
        finally:
            live.mine.pop(token, None)
        if number is None:
            return None
        if isinstance(data, Alert):
            self._tell_watchers(data)
        return event.model_copy(update={"id": number})

    async def progress(self, tenant_id: str, conversation_id: str, turn_id: str) -> Progress:
        await self._current(tenant_id, conversation_id)
        return await super().progress(tenant_id, conversation_id, turn_id)

    async def save(self, tenant_id: str, conversation_id: str) -> None:
        live = await self._shared(tenant_id, conversation_id)
        async with live.lock:
            await self._save(live)

    async def subscribe(
        self, tenant_id: str, conversation_id: str, after: int | None
    ) -> AsyncGenerator[AssistEvent]:
        await self._current(tenant_id, conversation_id)
        async with aclosing(super().subscribe(tenant_id, conversation_id, after)) as events:
            async for event in events:
                yield event

    # ------------------------------------------------------------ writing

    async def _write(self, live: SharedLive, entry: Entry, revision: int, *, alert: str = "") -> int | None:
        """The entry's event id, once all up to it are applied here; None when the revision is stale."""
        if self._down:
            raise DependencyUnavailable("Redis is not back yet.", where=_REDIS)
        if live.apart:  # begun without Redis in the moment when it came back
            await self._tell_others(live)
        while True:
            over = live.snapshot.conversation.status is not ConversationStatus.OPEN
            said = await self._streams.add(
                live.of, live.epoch, entry, revision, after=live.position, alert=alert, over=over
            )
            match said.outcome:
                case "ok":
                    assert said.state is not None  # noqa: S101 - the script's word
                    await self._catch_up(live, said.state)
                    return said.number
                case "full":
                    block = self._limits.id_block
                    first = await self._store.reserve_event_ids(live.of[1], block)
                    await self._streams.reserve(live.of, live.epoch, first, first + block - 1)
                case "stale":
                    await self._catch_up(live)
                    return None
                case _:
                    await self._rejoin(live)

    async def _alone(self, live: SharedLive, revision: int, data: EventData) -> AssistEvent | None:
        async with live.joining:
            await self._part(live)
            return await super().publish(*live.of, revision, data)

    async def _part(self, live: SharedLive) -> None:
        if not live.apart:
            live.apart = True
            live.reserved = live.last_id  # the block in use is Redis'
            await super().publish(*live.of, live.revision, Degraded(component="live events", message=ALONE))

    async def _save(self, live: Live) -> None:
        assert isinstance(live, SharedLive)  # noqa: S101 - we make no others
        if self._down or live.apart:
            return await super()._save(live)
        try:
            async with self._alone_with(live):
                await self._catch_up(live)
                position = live.position
                await super()._save(live)
                await self._streams.saved(live.of, live.epoch, position)
        except DependencyUnavailable as error:
            self._lost(error)
            await super()._save(live)

    @asynccontextmanager
    async def _alone_with(self, live: SharedLive) -> AsyncIterator[None]:
        """One server at a time keeps a conversation, or an older snapshot could replace a newer one."""
        while not await self._streams.lock(live.of, milliseconds=_LOCK_MS):  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(_LOCK_WAIT)
        try:
            yield
        finally:
            await self._streams.unlock(live.of)

    # ------------------------------------------------------------ reading

    async def _shared(self, tenant_id: str, conversation_id: str) -> SharedLive:
        live = await self._of(tenant_id, conversation_id)
        assert isinstance(live, SharedLive)  # noqa: S101 - we make no others
        return live

    async def _current(self, tenant_id: str, conversation_id: str) -> SharedLive:
        live = await self._shared(tenant_id, conversation_id)
        if not self._down and not live.apart:
            try:
                await self._catch_up(live)
            except DependencyUnavailable as error:
                self._lost(error)
        return live

    async def _catch_up(self, live: SharedLive, state: State | None = None) -> None:
        """Applies what was written since we looked; one begun anew, or too far ahead, is loaded."""
        position = live.position
        if state is None:
            state = await self._streams.read(live.of, position)
        if state is None or state.epoch != live.epoch or position < state.trimmed:
            await self._rejoin(live)
        else:
            self._apply(live, state.entries)

    def _apply(self, live: SharedLive, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.position <= live.position:
                continue
            live.position = entry.position
            if entry.kind == "conversation":
                conversation = Conversation.model_validate_json(entry.body)
                if conversation.revision >= live.revision:
                    live.snapshot = advanced(live.snapshot, conversation)
                    live.changed = live.changed or self._wrote(entry)
                continue
            event = event_of(entry, live.mine.get(entry.by))
            if self._wrote(entry):
                self._send(live, event)
            else:
                self._show(live, event)

    def _let_go(self, live: Live) -> None:
        """Nothing: what others wrote may not be kept yet, though our own is."""

    def _may_leave(self, live: Live) -> bool:
        """What happened here without Redis stays until the others have been told."""
        return super()._may_leave(live) and not (isinstance(live, SharedLive) and live.apart)

    async def _rejoin(self, live: SharedLive) -> None:
        """Makes `live` what a new server would find, and shows it to who watches here."""
        epoch = live.epoch
        async with live.joining:
            if live.epoch != epoch or live.apart:
                return
            found = await self._load(*live.of)
            live.become(found)
            self._tell(live, self._snapshot(live))

    async def _load(self, tenant_id: str, conversation_id: str) -> SharedLive:
        stored = await super()._load(tenant_id, conversation_id)
        try:
            return await self._join((tenant_id, conversation_id), stored)
        except DependencyUnavailable as error:
            self._lost(error)
            return alone(stored)

    async def _join(self, of: tuple[str, str], stored: Live) -> SharedLive:
        """The store's snapshot with everything that was written since it was kept."""
        if self._down:
            raise DependencyUnavailable("Redis is not back yet.", where=_REDIS)
        state = await self._streams.read(of, None)
        while True:
            if state is None:
                block = self._limits.id_block
                first = await self._store.reserve_event_ids(of[1], block)
                lost = first - 1 if stored.lost else 0
                await self._streams.begin(
                    of,
                    uuid4().hex,
                    first=first,
                    reserved=first + block - 1,
                    revision=stored.revision,
                    lost=lost,
                )
                state = await self._streams.read(of, None)
                continue
            stored = await super()._load(*of)
            again = await self._streams.read(of, None)
            if again is not None and (again.epoch, again.saved) == (state.epoch, state.saved):
                return joined(stored, again, self._limits.ring)
            state = again

    # ------------------------------------------------------------ the others

    async def _follow(self, after: str) -> None:
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while True:
            try:
                after, changed = await follow_feed(self._blocking, after, milliseconds=_BLOCK_MS)
                if self._down:
                    await self._back()
                elif loop.time() - heard > _AWAY_SECONDS:
                    await self._look_at(list(self._live))
                else:
                    await self._hear(changed)
                heard = loop.time()
            except DependencyUnavailable as error:
                if error.where == _REDIS:
                    self._lost(error)
                else:
                    _log.warning("events of other servers wait: %s", error.message)
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - the others go on being heard whatever one of them has written
                _log.exception("a change of another server was not understood")
                await asyncio.sleep(_RETRY_SECONDS)

    async def _hear(self, changed: Iterable[Changed]) -> None:
        foreign = [c for c in changed if not c.by.startswith(self._streams.me)]
        for change in foreign:
            if change.alert:
                self._tell_watchers(Alert.model_validate_json(change.alert))
        await self._look_at(dict.fromkeys((c.tenant_id, c.conversation_id) for c in foreign))

    async def _look_at(self, keys: Iterable[tuple[str, str]]) -> None:
        for key in keys:
            live = self._live.get(key)
            if isinstance(live, SharedLive) and live.subscribers and not live.apart:
                await self._catch_up(live)

    def _lost(self, error: DependencyUnavailable) -> None:
        """From now on this server is alone. What is no trouble of Redis' is raised again."""
        if error.where != _REDIS:
            raise error
        if not self._down:
            _log.warning("live events stay within this server: %s", error.message)
        self._down = True

    async def _back(self) -> None:
        """Tells the others what happened without them, and is told."""
        while apart := [v for v in self._live.values() if isinstance(v, SharedLive) and v.apart]:
            for live in apart:
                await self._tell_others(live)
        self._down = False  # between the look for others and this there is no await
        _log.warning("live events are shared again")
        await self._look_at(list(self._live))

    async def _tell_others(self, live: SharedLive) -> None:
        async with live.joining, live.lock:
            if not live.apart:
                return
            await super()._save(live)
            epoch = uuid4().hex
            last = await self._streams.replace(
                live.of, epoch, last=live.last_id, reserved=live.reserved, revision=live.revision
            )
            live.epoch, live.position = epoch, (last, 0)
            live.last_id = last
            live.ring.clear()
            live.floor = last
            live.apart = False

    def _token(self) -> str:
        return f"{self._streams.me}:{next(self._tokens)}"

    def _wrote(self, entry: Entry) -> bool:
        return entry.by.startswith(self._streams.me)
