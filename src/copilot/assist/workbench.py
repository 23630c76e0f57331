"""Who is at work on which conversation: one lock, one memory and at most one task for each."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress

from copilot.assist.profile import TenantProfiles
from copilot.assist.revision import Memory, Revision
from copilot.domain.access import Principal
from copilot.domain.assist import Suggestion
from copilot.domain.conversation import Conversation
from copilot.ports import ConversationStore, EventBus

_log = logging.getLogger(__name__)
_REMEMBERED = 2_000
_PATIENCE_WITH_CANCELLED = 2.0


class Workbench:
    """One per process. What has been idle longest is forgotten: its state is in the store."""

    def __init__(self, store: ConversationStore, bus: EventBus, profiles: TenantProfiles) -> None:
        self._store = store
        self._bus = bus
        self._profiles = profiles
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._locks: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._memories: OrderedDict[str, Memory] = OrderedDict()

    def lock(self, conversation_id: str) -> asyncio.Lock:
        """Held while a conversation moves on; the work that follows runs without it."""
        lock = self._locks.setdefault(conversation_id, asyncio.Lock())
        self._locks.move_to_end(conversation_id)
        for oldest in list(self._locks)[: max(0, len(self._locks) - _REMEMBERED)]:
            if not self._locks[oldest].locked():
                del self._locks[oldest]
        return lock

    async def memory(self, conversation: Conversation) -> Memory:
        memory = self._memories.get(conversation.id)
        if memory is None:
            memory = Memory.of(await self._store.snapshot(conversation.tenant_id, conversation.id))
            self.remember(conversation.id, memory)
        self._memories.move_to_end(conversation.id)
        return memory

    def remember(self, conversation_id: str, memory: Memory) -> None:
        self._memories[conversation_id] = memory
        while len(self._memories) > _REMEMBERED:
            self._memories.popitem(last=False)

    def judged(self, suggestion: Suggestion) -> None:
        """Somebody has said what they make of it: what they send later says nothing more."""
        if (memory := self._memories.get(suggestion.conversation_id)) is not None:
            memory.judged = memory.judged | {suggestion.id}

    def forget(self, conversation_id: str) -> None:
        self._memories.pop(conversation_id, None)

    async def revision(
        self, principal: Principal, conversation: Conversation, started: float | None = None
    ) -> Revision:
        """The conversation as it is now, ready to be worked on; `started` is a `time.perf_counter()`."""
        return Revision(
            principal=principal,
            conversation=conversation,
            profile=await self._profiles.of(conversation.tenant_id),
            memory=await self.memory(conversation),
            bus=self._bus,
            started=time.perf_counter() if started is None else started,
        )

    # ------------------------------------------------------------ tasks

    def start(self, conversation_id: str, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(_guarded(work, conversation_id), name=f"assist {conversation_id}")
        self._tasks[conversation_id] = task
        task.add_done_callback(lambda done: self._finished(conversation_id, done))

    def follow(self, conversation_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Starts it when the work under way has ended; cancelling it cancels both."""
        before = self._tasks.get(conversation_id)

        async def after() -> None:
            if before is not None:
                try:
                    await asyncio.wait([before])
                except asyncio.CancelledError:
                    before.cancel()
                    raise
            await work()

        self.start(conversation_id, after)

    async def cancel(self, conversation_id: str) -> None:
        """Ends the work for what is no longer the last thing said."""
        task = self._tasks.pop(conversation_id, None)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_PATIENCE_WITH_CANCELLED)

    async def settled(self, conversation_id: str) -> None:
        """Waits for the work under way; cancelling the waiting leaves it alone."""
        if (task := self._tasks.get(conversation_id)) is not None:
            await asyncio.wait([task])

    async def idle(self) -> None:
        while running := [t for t in self._tasks.values() if not t.done()]:
            await asyncio.wait(running)

    async def shutdown(self) -> None:
        for conversation_id in list(self._tasks):
            await self.cancel(conversation_id)

    def _finished(self, conversation_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(conversation_id) is task:
            del self._tasks[conversation_id]


async def _guarded(work: Callable[[], Awaitable[None]], conversation_id: str) -> None:
    """A task's last resort: what escapes the stages is logged."""
    with suppress(asyncio.CancelledError):
        try:
            await work()
        except Exception:  # noqa: BLE001
            _log.exception("the work for a revision of %s failed", conversation_id)
