"""The background driver: what was left half-way is driven on, and what nobody decides in time ends.

The actions table is the outbox: every state that needs work is a query, so a restart needs no queue
(docs/decisions/0006-durable-work.md). Each step is a compare-and-set; several drivers may run at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from pydantic import Field

from copilot.domain.actions import Action, ActionStatus, LedgerRecord
from copilot.domain.errors import ActionNotOpen, CopilotError
from copilot.domain.value import Value
from copilot.ports import ActionStore, Clock
from copilot.ports import trace_names as names
from copilot.ports.tracing import NO_TRACER, Span, SpanKind, Tracer, within
from copilot.tools import records
from copilot.tools.executor import Executor

_AT_ONCE = 8
_log = logging.getLogger(__name__)

OnChange = Callable[[Action], Awaitable[None]]
"""Tells whoever watches the conversation; what it raises is logged."""


class RecoverySchedule(Value):
    """How often to look, and for how long."""

    every_seconds: float = Field(default=5.0, gt=0)
    longest_pause_seconds: float = Field(default=60.0, gt=0)
    """Between rounds while rounds fail."""
    first_look: timedelta = timedelta(seconds=10)
    """After the outcome became unknown; doubles with every look."""
    looks: int = Field(default=8, ge=1)
    """Then it is parked for a person: about 40 minutes after."""
    leftover_after: timedelta = timedelta(seconds=30)
    """How long an action may be approved or executing before it counts as left over."""


class Recovery:
    """One per process. `run` goes on until it is cancelled."""

    def __init__(
        self,
        executor: Executor,
        store: ActionStore,
        clock: Clock,
        on_change: OnChange,
        schedule: RecoverySchedule | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tracer: Tracer = NO_TRACER,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`elapsed` counts seconds by a watch that nobody sets, unlike the clock."""
        self._executor = executor
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._schedule = schedule or RecoverySchedule()
        self._sleep = sleep
        self._tracer = tracer
        self._elapsed = elapsed
        self._seen: dict[str, float] = {}
        """Since when, by that watch, this driver has seen an action under way."""
        self._waiting: dict[str, datetime] = {}
        """What was still under way at the last look, and since when."""

    def oldest_seconds(self) -> float:
        """Age of the oldest action that is approved and not carried out, or whose outcome is unknown."""
        since = min(self._waiting.values(), default=None)
        return max(0.0, (self._clock.now() - since).total_seconds()) if since else 0.0

    async def run(self) -> None:
        """Rounds for ever; one that fails is logged, and the next comes later."""
        pause = self._schedule.every_seconds
        while True:
            await self._sleep(pause)
            try:
                await self.round()
            except Exception:  # noqa: BLE001 - the driver outlives whatever one round meets
                pause = min(2 * pause, self._schedule.longest_pause_seconds)
                _log.exception("a round of the background driver failed; the next is in %.0f s", pause)
            else:
                pause = self._schedule.every_seconds

    async def round(self) -> list[Action]:
        """Everything that is due, once; the actions that changed."""
        changed: list[Action] = []
        for step in (self._expire, self._drive_on, self._reconcile):
            for action in await step():
                changed.append(action)
                await self._tell(action)
        return changed

    async def _expire(self) -> list[Action]:
        now = self._clock.now()
        done = []
        for action in await self._store.overdue(now):
            expired = action.model_copy(update={"status": ActionStatus.EXPIRED})
            if await self._replaced(expired, action, records.expiry(expired, now)):
                done.append(expired)
        return done

    async def _drive_on(self) -> list[Action]:
        """Approved or executing for longer than anybody works on it: driven on, with the same key."""
        latest = self._clock.now() - self._schedule.leftover_after
        unfinished = await self._store.unfinished()
        self._waiting = {a.id: _touched(a) for a in unfinished}
        watch = self._elapsed()
        self._seen = {a.id: self._seen.get(a.id, watch) for a in unfinished}
        # A clock that was set back would have what was left before that wait for as long.
        long_ago = watch - self._schedule.leftover_after.total_seconds()
        waiting = [a for a in unfinished if _touched(a) <= latest or self._seen[a.id] <= long_ago]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(action: Action) -> Action:
            async with gate:
                with within(self._span(action)):
                    return await self._executor.drive_on(action)

        ended = await asyncio.gather(*map(one, waiting))
        return [a for a, before in zip(ended, waiting, strict=True) if a.status is not before.status]

    async def _reconcile(self) -> list[Action]:
        now = self._clock.now()
        changed = []
        for action in await self._store.unresolved():
            self._waiting[action.id] = _touched(action)
            if now < self._due(action):
                continue
            try:
                with within(self._span(action)):
                    found = await self._executor.reconcile(action.tenant_id, action.id)
                if found.status is ActionStatus.UNRESOLVED:
                    found = await self._looked(found, now)
            except CopilotError as error:
                _log.warning("could not reconcile %s: %s", action.id, error.code)
                continue
            if found.parked or found.status is not ActionStatus.UNRESOLVED:
                changed.append(found)
        return changed

    async def _looked(self, action: Action, now: datetime) -> Action:
        """Nothing was found again: noted, and after the last look parked."""
        looked = action.looked + 1
        noted = action.model_copy(update={"looked": looked, "parked": looked >= self._schedule.looks})
        record = records.parked(noted, now) if noted.parked else records.looked(noted, now)
        if not await self._replaced(noted, action, record):
            return await self._store.get(action.tenant_id, action.id)
        return noted

    def _span(self, action: Action) -> Span:
        attributes = {
            names.ACTION: action.id,
            names.TENANT: action.tenant_id,
            names.CONVERSATION: action.conversation_id,
        }
        return self._tracer.start(names.RECOVERY, SpanKind.CONSUMER, attributes, link=action.trace)

    def _due(self, action: Action) -> datetime:
        since = action.result.created_at if action.result else action.proposed_at
        times = (1 << (action.looked + 1)) - 1  # 1, 3, 7, …: each pause is twice the one before
        return since + self._schedule.first_look * times

    async def _replaced(self, action: Action, before: Action, record: LedgerRecord) -> bool:
        """False when somebody else was first; then theirs stands."""
        try:
            await self._store.replace(action, record, expected=before.status)
        except ActionNotOpen:
            return False
        return True

    async def _tell(self, action: Action) -> None:
        try:
            await self._on_change(action)
        except Exception:  # noqa: BLE001 - what is done is done, whoever hears of it
            _log.exception("could not show that %s is %s", action.id, action.status.value)


def _touched(action: Action) -> datetime:
    """When the last person approved: execution begins then."""
    return max((a.approved_at for a in action.approvals), default=action.proposed_at)
