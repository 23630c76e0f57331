"""Playbook timers: what a playbook wants done when nobody has spoken for a while.

Nothing is stored: a conversation's timers follow from its last turn and its playbook, so a new process
finds them again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from copilot.assist.ahead import Ahead
from copilot.assist.pipeline import Pipeline
from copilot.assist.workbench import Workbench
from copilot.domain.access import Principal, Role
from copilot.domain.conversation import Conversation, ConversationStatus
from copilot.domain.playbook import Playbook
from copilot.ports import Clock, ConversationStore, EventBus

_log = logging.getLogger(__name__)
_EVERY_SECONDS = 1.0
_RESUMED, _LONGEST_SILENCE = 500, timedelta(days=1)
"""After a restart, conversations that have been silent for longer are left alone."""


@dataclass(frozen=True)
class Timer:
    """The next moment at which a silent conversation wants attention, if it is still at `revision`."""

    tenant_id: str
    conversation_id: str
    revision: int
    at: datetime


class Nudges:
    """One per process. `run` goes on until it is cancelled; `round` looks once."""

    def __init__(
        self,
        store: ConversationStore,
        bus: EventBus,
        workbench: Workbench,
        pipeline: Pipeline,
        ahead: Ahead,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._bus = bus
        self._workbench = workbench
        self._pipeline = pipeline
        self._ahead = ahead
        self._clock = clock
        self._sleep = sleep
        self._timers: dict[str, Timer] = {}

    def watch(self, conversation: Conversation, playbook: Playbook | None) -> None:
        """Sets the conversation's next timer, in place of any before."""
        self.forget(conversation.id)
        is_open = conversation.status is ConversationStatus.OPEN
        if playbook is None or not conversation.turns or not is_open:
            return
        last, now = conversation.turns[-1].created_at, self._clock.now()
        later = [last + span for span in playbook.timers if last + span > now]
        if later:
            self._timers[conversation.id] = Timer(
                conversation.tenant_id, conversation.id, conversation.revision, min(later)
            )

    def forget(self, conversation_id: str) -> None:
        self._timers.pop(conversation_id, None)

    async def resume(self, tenant_id: str) -> None:
        """After a start: sets the timers of conversations that are still fresh."""
        oldest = self._clock.now() - _LONGEST_SILENCE
        for found in await self._store.list_open(tenant_id, limit=_RESUMED):
            if found.updated_at >= oldest:
                conversation = await self._bus.conversation(tenant_id, found.id)
                revision = await self._workbench.revision(_driver(tenant_id), conversation)
                self.watch(conversation, revision.playbook)

    async def run(self) -> None:
        """Rounds for ever."""
        while True:
            await self._sleep(_EVERY_SECONDS)
            await self.round()

    async def round(self) -> None:
        """Everything that is due, once."""
        now = self._clock.now()
        for timer in [t for t in self._timers.values() if t.at <= now]:
            del self._timers[timer.conversation_id]
            try:
                await self._fire(timer)
            except Exception:  # noqa: BLE001 - one conversation's trouble is not the others'
                _log.exception("the timer of %s failed", timer.conversation_id)

    async def _fire(self, timer: Timer) -> None:
        """Offers what the playbook wants done after a silence, if it is one still."""
        async with self._workbench.lock(timer.conversation_id):
            conversation = await self._bus.conversation(timer.tenant_id, timer.conversation_id)
            if conversation.revision != timer.revision or conversation.status is not ConversationStatus.OPEN:
                return
            self._ahead.drop(conversation.id)
            revision = await self._workbench.revision(_driver(timer.tenant_id), conversation)
            await self._pipeline.after_silence(revision)
        self.watch(conversation, revision.playbook)


def _driver(tenant_id: str) -> Principal:
    """On whose behalf things are done that nobody has asked for; it may look and propose, not approve."""
    return Principal(id="system", tenant_id=tenant_id, name="System", role=Role.REPRESENTATIVE)
