"""Private notes to helpdesks: each written once, or known not to be; never after the conversation went on."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from copilot.domain.conversation import ConversationStatus
from copilot.domain.errors import (
    ConfigurationError,
    CopilotError,
    DependencyUnavailable,
    OutcomeUnknown,
    RateLimited,
)
from copilot.domain.helpdesk import Note, NoteStatus
from copilot.ports import Clock, EventBus, Helpdesk, HelpdeskStore
from copilot.ports import trace_names as names
from copilot.ports.tracing import NO_TRACER, SpanKind, Tracer, within

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutboxLimits:
    """Seconds; after `attempts` a note is given up."""

    look_again: float = 5.0
    first_retry: float = 2.0
    longest_retry: float = 600.0
    attempts: int = 12


class HelpdeskOutbox:
    """One per process. `run` works until it is cancelled."""

    def __init__(
        self,
        helpdesks: Sequence[Helpdesk],
        store: HelpdeskStore,
        events: EventBus,
        clock: Clock,
        wake: asyncio.Event,
        limits: OutboxLimits | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        """`wake` is set by whoever has left a note to write."""
        self._tracer = tracer
        self._open: dict[str, datetime] = {}
        """Notes that are not written yet, as far as they have been due, and since when they wait."""
        self._helpdesks = {helpdesk.name: helpdesk for helpdesk in helpdesks}
        self._store = store
        self._events = events
        self._clock = clock
        self._wake = wake
        self._limits = limits or OutboxLimits()
        self._quiet_until: dict[str, datetime] = {}

    def oldest_seconds(self) -> float:
        """Age of the oldest note that is not written yet."""
        since = min(self._open.values(), default=None)
        return max(0.0, (self._clock.now() - since).total_seconds()) if since else 0.0

    async def run(self) -> None:
        """Rounds for ever; one that fails is logged, and the next comes all the same."""
        while True:
            self._wake.clear()
            try:
                await self.round()
            except Exception:  # noqa: BLE001 - the outbox outlives whatever one round meets
                _log.exception("a round of the helpdesk outbox failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._limits.look_again)

    async def round(self) -> None:
        """Tries every note that is due, once; the helpdesks at the same time, each one's notes in turn."""
        now = self._clock.now()
        waiting: dict[str, list[Note]] = {}
        for note in await self._store.due_notes(now):
            if note.integration in self._helpdesks:
                self._open.setdefault(note.id, note.created_at)
                waiting.setdefault(note.integration, []).append(note)
        await asyncio.gather(*(self._write_all(name, notes) for name, notes in waiting.items()))

    async def _write_all(self, name: str, notes: Sequence[Note]) -> None:
        for note in notes:
            if self._quiet_until.get(name, self._clock.now()) > self._clock.now():
                return  # they asked us to go slower: the rest waits, untried
            attributes = {names.CONVERSATION: note.conversation_id, names.TENANT: note.tenant_id}
            with within(self._tracer.start(names.NOTE, SpanKind.CONSUMER, attributes, link=note.trace)):
                await self._write(self._helpdesks[name], note)

    async def _write(self, helpdesk: Helpdesk, note: Note) -> None:
        try:
            if note.status is NoteStatus.SENDING and await helpdesk.has_note(note.external_id, note.mark):
                await self._save(note, status=NoteStatus.SENT, problem="")
            elif not await self._still_wanted(note):
                await self._save(note, status=NoteStatus.DROPPED)
            else:
                # Said before it is done: after a crash somebody looks first whether it stands there.
                begun = await self._save(note, status=NoteStatus.SENDING)
                await helpdesk.add_note(note.external_id, note.text)
                await self._save(begun, status=NoteStatus.SENT, problem="")
        except OutcomeUnknown as error:
            await self._postpone(note.model_copy(update={"status": NoteStatus.SENDING}), error)
        except RateLimited as error:  # nothing was done, and it is no failure of the note's
            until = self._clock.now() + timedelta(seconds=error.retry_after)
            self._quiet_until[helpdesk.name] = until
            await self._save(note, due_at=until, problem=str(error))
        except (DependencyUnavailable, ConfigurationError) as error:  # nothing was done
            await self._postpone(note, error)
        except CopilotError as error:
            _log.warning("a note to %s was refused: %s", note.external_id, error)
            await self._save(note, status=NoteStatus.FAILED, problem=str(error))

    async def _still_wanted(self, note: Note) -> bool:
        """Whether the turn that it answers is still the last thing said."""
        conversation = await self._events.conversation(note.tenant_id, note.conversation_id)
        is_open = conversation.status is ConversationStatus.OPEN
        return is_open and bool(conversation.turns) and conversation.turns[-1].id == note.turn_id

    async def _postpone(self, note: Note, error: CopilotError) -> None:
        attempts = note.attempts + 1
        if attempts >= self._limits.attempts:
            _log.error("a note to %s is given up: %s", note.external_id, error)
            await self._save(note, status=NoteStatus.FAILED, attempts=attempts, problem=str(error))
            return
        wait = min(self._limits.first_retry * 2**note.attempts, self._limits.longest_retry)
        due_at = self._clock.now() + timedelta(seconds=wait)
        await self._save(note, attempts=attempts, due_at=due_at, problem=str(error))

    async def _save(self, note: Note, **changes: object) -> Note:
        changed = note.model_copy(update=changes)
        await self._store.save_note(changed)
        if not changed.status.is_open:
            self._open.pop(note.id, None)
        return changed
