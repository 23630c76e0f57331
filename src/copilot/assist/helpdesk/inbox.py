"""Messages from helpdesks: kept first, then made turns in their order, each once; what they lead to is noted.

The deliveries' table is the queue (docs/decisions/0035): a message stays open until its draft is known, so a
process that dies at any moment begins again where it was. A turn that stands already is the same turn.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from copilot.assist.helpdesk.links import ConversationLinks
from copilot.assist.helpdesk.notes import draft_note, reason_note
from copilot.domain.access import Principal, Role
from copilot.domain.assist import Suggestion
from copilot.domain.assist_events import (
    AssistEvent,
    RevisionDoneEvent,
    SnapshotEvent,
    SuggestionBlockedEvent,
    SuggestionCompletedEvent,
    SuggestionSilentEvent,
    TurnEvent,
    WrapUpEvent,
)
from copilot.domain.conversation import Speaker, Turn
from copilot.domain.errors import (
    ConversationClosed,
    CopilotError,
    DependencyUnavailable,
    NotFound,
    Overloaded,
)
from copilot.domain.helpdesk import Delivery, DeliveryStatus, IntegrationState, Note, WriteBack
from copilot.ports import Clock, EventBus, Helpdesk, HelpdeskStore, Ids
from copilot.ports import trace_names as names
from copilot.ports.tasks import ended
from copilot.ports.tracing import NO_TRACER, SpanKind, Tracer, traceparent, within

_log = logging.getLogger(__name__)


class TakesTurns(Protocol):
    """The part of LiveAssist that is needed here."""

    def room(self) -> AbstractContextManager[None]:
        """`Overloaded` when too many wait for their knowledge."""

    async def add_turn(
        self,
        principal: Principal,
        conversation_id: str,
        speaker: Speaker,
        text: str,
        *,
        utterance_id: str | None = None,
    ) -> Turn: ...


@dataclass(frozen=True)
class InboxLimits:
    """Seconds. `order_wait`: how long a message waits for one that was written before it and comes later."""

    order_wait: float = 0.4
    outcome: float = 60.0
    """How long a draft may take before the message is done without a note."""
    look_again: float = 5.0
    first_retry: float = 1.0
    longest_retry: float = 300.0
    attempts: int = 12
    at_once: int = 8


@dataclass(frozen=True)
class _Outcome:
    """What a turn has led to so far; `over` when nothing more will come or matter."""

    suggestion: Suggestion | None = None
    reason: str = ""
    over: bool = False


class HelpdeskInbox:
    """One per process. `accept` answers at once; `run` works until it is cancelled."""

    def __init__(
        self,
        helpdesks: Sequence[Helpdesk],
        store: HelpdeskStore,
        links: ConversationLinks,
        assist: TakesTurns,
        events: EventBus,
        clock: Clock,
        ids: Ids,
        limits: InboxLimits | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._tracer = tracer
        self._helpdesks = {helpdesk.name: helpdesk for helpdesk in helpdesks}
        self._store = store
        self._links = links
        self._assist = assist
        self._events = events
        self._clock = clock
        self._ids = ids
        self._limits = limits or InboxLimits()
        self._wake = asyncio.Event()
        self._full_until: datetime | None = None
        """Till then nothing is begun: more wait than are answered in time. What is kept, stays kept."""
        self._oldest: datetime | None = None
        """When the first came of those that are to become turns yet, as the last round found it."""
        self._gate = asyncio.Semaphore(self._limits.at_once)
        self._caught_up: set[str] = set()
        self._working: dict[str, asyncio.Task[None]] = {}
        self._watching: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.noted = asyncio.Event()
        """Set when a note waits to be written."""

    async def accept(self, name: str, headers: Mapping[str, str], body: bytes) -> bool:
        helpdesk = self._helpdesks.get(name)
        if helpdesk is None:
            raise NotFound(f"there is no integration {name!r}.", hint="Check the webhook's address.")
        now = self._clock.now()
        helpdesk.check(headers, body, now)
        message = helpdesk.read(body)
        if message is None:
            return False
        delivery = Delivery(
            tenant_id=helpdesk.tenant_id,
            integration=name,
            message=message,
            received_at=now,
            trace=traceparent(),
            due_at=now + timedelta(seconds=self._limits.order_wait),
        )
        new = await self._store.take_in(delivery)
        self._wake.set()
        return new

    def oldest_seconds(self) -> float:
        """Age of the oldest message that is no turn yet."""
        return max(0.0, (self._clock.now() - self._oldest).total_seconds()) if self._oldest else 0.0

    async def states(self, tenant_id: str) -> list[IntegrationState]:
        """The tenant's helpdesks by name, and how far behind each is."""
        found = []
        for name, helpdesk in sorted(self._helpdesks.items()):
            if helpdesk.tenant_id == tenant_id:
                state = await self._store.state(tenant_id, name)
                described = {"name": name, "title": helpdesk.title, "write_back": helpdesk.write_back}
                found.append(IntegrationState(**state.model_dump(), **described))
        return found

    async def run(self) -> None:
        """Rounds for ever; one that fails is logged, and the next comes all the same."""
        try:
            while True:
                self._wake.clear()
                try:
                    pause = await self.round()
                except Exception:  # noqa: BLE001 - the inbox outlives whatever one round meets
                    _log.exception("a round of the helpdesk inbox failed")
                    pause = self._limits.look_again
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
        finally:
            await self._stop()

    async def round(self) -> float:
        """Begins what is due; seconds until something else is."""
        if full := self._full_for():
            return full
        now = self._clock.now()
        waiting: defaultdict[str, list[Delivery]] = defaultdict(list)
        for delivery in await self._store.open_deliveries():
            if delivery.integration not in self._helpdesks or _key(delivery) in self._watching:
                continue
            waiting[f"{delivery.tenant_id}\n{delivery.message.contact.external_id}"].append(delivery)
        self._oldest = min((d.received_at for each in waiting.values() for d in each), default=None)
        pause = self._limits.look_again
        for conversation, deliveries in waiting.items():
            if conversation in self._working:
                continue
            # One that is tried again holds back those after it; a new one waits a moment for those before it.
            retried = [d.due_at for d in deliveries[:1] if d.attempts]
            due = max(retried) if retried else min(d.due_at for d in deliveries)
            if due > now:
                pause = min(pause, (due - now).total_seconds())
                continue
            task = asyncio.create_task(self._work(conversation, deliveries), name=f"helpdesk {conversation}")
            self._working[conversation] = task
        return max(pause, 0.01)

    async def idle(self) -> None:
        """Waits until nothing is under way, for tests."""
        while tasks := [*self._working.values(), *self._watching.values()]:
            await asyncio.wait(tasks)

    async def _work(self, conversation: str, deliveries: Sequence[Delivery]) -> None:
        try:
            async with self._gate:
                for delivery in deliveries:
                    if self._full_for() or not await self._take(delivery):
                        return
        except Exception:  # noqa: BLE001 - one conversation's trouble is not the others'
            _log.exception("a helpdesk's message could not be worked on")
        finally:
            self._working.pop(conversation, None)
            self._wake.set()

    async def _take(self, delivery: Delivery) -> bool:
        """Makes the message a turn; False when it has to be tried again, and those after it with it."""
        attributes = {names.TENANT: delivery.tenant_id}
        try:
            with within(
                self._tracer.start(names.MESSAGE, SpanKind.CONSUMER, attributes, link=delivery.trace)
            ):
                await self._make_turn(delivery)
        except Overloaded as error:
            # It is no failure of the message's, and nobody else will send it again.
            self._full_until = self._clock.now() + timedelta(seconds=error.retry_after)
            return False
        except DependencyUnavailable as error:
            return await self._postpone(delivery, str(error))
        except CopilotError as error:
            _log.warning("%s: %s", delivery.message.message_id, error)
            failed = {"status": DeliveryStatus.FAILED, "problem": str(error)}
            await self._store.save_delivery(delivery.model_copy(update=failed))
        return True

    async def _make_turn(self, delivery: Delivery) -> None:
        helpdesk = self._helpdesks[delivery.integration]
        message, principal = delivery.message, _principal(helpdesk)
        for last in (False, True):  # wrapped up between the look-up and the turn: then into a new one
            conversation_id = await self._links.conversation_for(principal, message.contact)
            await self._catch_up(helpdesk, delivery, conversation_id)
            heard = await self._listen(helpdesk, delivery, conversation_id)
            try:
                with self._assist.room():
                    turn = await self._assist.add_turn(
                        principal,
                        conversation_id,
                        message.speaker,
                        message.text,
                        utterance_id=message.message_id,
                    )
                await self._follow(delivery, turn, helpdesk, heard)
            except BaseException as error:
                if heard is not None:
                    await heard.stream.aclose()
                if isinstance(error, ConversationClosed) and not last:
                    continue
                raise
            return

    async def _catch_up(self, helpdesk: Helpdesk, delivery: Delivery, conversation_id: str) -> None:
        """Once for each conversation and process: what was said before the webhook, or while we were away.

        Helpdesks do not send a webhook again for long. Best effort: the message at hand does not wait for it.
        """
        message = delivery.message
        external_id = message.contact.external_id
        if external_id in self._caught_up:
            return
        self._caught_up.add(external_id)
        try:
            last = await self._store.last_position(delivery.tenant_id, external_id)
            said = list(await helpdesk.earlier(external_id))
            if said and (said[-1].speaker, said[-1].text) == (message.speaker, message.text):
                said.pop()  # the message at hand, whatever it is called there
            for missed in said:
                is_new = last is None or missed.position > last
                if is_new and missed.position < message.position and missed.message_id != message.message_id:
                    await self._assist.add_turn(
                        _principal(helpdesk),
                        conversation_id,
                        missed.speaker,
                        missed.text,
                        utterance_id=missed.message_id,
                    )
        except CopilotError as error:
            _log.warning("what was said earlier in %s could not be read: %s", external_id, error)

    async def _listen(self, helpdesk: Helpdesk, delivery: Delivery, conversation_id: str) -> "_Heard | None":
        """Begins to listen before there is anything to hear; None when nothing will be written back."""
        if delivery.message.speaker is not Speaker.CUSTOMER or helpdesk.write_back is WriteBack.NONE:
            return None
        stream = self._events.subscribe(delivery.tenant_id, conversation_id, None)
        return _Heard(await anext(stream), stream)

    async def _follow(
        self, delivery: Delivery, turn: Turn, helpdesk: Helpdesk, heard: "_Heard | None"
    ) -> None:
        if heard is None:
            await self._settle(delivery, None)
            return
        turned = delivery.model_copy(update={"status": DeliveryStatus.TURNED})
        await self._store.save_delivery(turned)
        self._watching[_key(turned)] = asyncio.create_task(self._watch(turned, turn, helpdesk, heard))

    async def _watch(self, delivery: Delivery, turn: Turn, helpdesk: Helpdesk, heard: "_Heard") -> None:
        """Notes what the turn leads to; a turn that is overtaken by another leads to nothing."""
        try:
            outcome = await self._outcome(turn, heard)
            note = self._note(delivery, turn, helpdesk, outcome) if outcome is not None else None
            await self._settle(delivery, note)
            if note is not None:
                self.noted.set()
        except Exception:  # noqa: BLE001 - logged; the next round begins it again
            _log.exception("%s stays open", delivery.message.message_id)
        finally:
            self._watching.pop(_key(delivery), None)
            await heard.stream.aclose()

    async def _outcome(self, turn: Turn, heard: "_Heard") -> _Outcome | None:
        """None when somebody has spoken since, or the conversation is over."""
        outcome: _Outcome | None = _before(heard.first, turn)
        if outcome is None or outcome.over:
            return outcome
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.outcome):
                async for event in heard.stream:
                    outcome = _after(outcome, event, turn)
                    if outcome is None or outcome.over:
                        break
        return outcome

    def _note(self, delivery: Delivery, turn: Turn, helpdesk: Helpdesk, outcome: _Outcome) -> Note | None:
        text, mark = None, ""
        if outcome.suggestion is not None:
            mark = outcome.suggestion.id
            text = draft_note(outcome.suggestion)
        elif outcome.reason and helpdesk.write_back is WriteBack.DRAFTS_AND_REASONS:
            mark = turn.id
            text = reason_note(outcome.reason, mark)
        if text is None:
            return None
        now = self._clock.now()
        return Note(
            id=self._ids.new("note"),
            tenant_id=delivery.tenant_id,
            integration=delivery.integration,
            external_id=delivery.message.contact.external_id,
            conversation_id=turn.conversation_id,
            turn_id=turn.id,
            mark=mark,
            text=text,
            created_at=now,
            due_at=now,
            trace=traceparent(),
        )

    def _full_for(self) -> float:
        """Seconds until it is worth while to try another message; 0: now."""
        if self._full_until is None:
            return 0.0
        return max(0.0, (self._full_until - self._clock.now()).total_seconds())

    async def _settle(self, delivery: Delivery, note: Note | None) -> None:
        await self._store.settle(delivery.model_copy(update={"status": DeliveryStatus.DONE}), note)

    async def _postpone(self, delivery: Delivery, problem: str) -> bool:
        """True when it was tried often enough and is given up, so that those after it may come."""
        attempts = delivery.attempts + 1
        wait = min(self._limits.first_retry * 2**delivery.attempts, self._limits.longest_retry)
        update = {
            "attempts": attempts,
            "problem": problem,
            "due_at": self._clock.now() + timedelta(seconds=wait),
        }
        given_up = attempts >= self._limits.attempts
        if given_up:
            update["status"] = DeliveryStatus.FAILED
            _log.error("%s is given up: %s", delivery.message.message_id, problem)
        await self._store.save_delivery(delivery.model_copy(update=update))
        return given_up

    async def _stop(self) -> None:
        await ended(*self._working.values(), *self._watching.values())


@dataclass(frozen=True)
class _Heard:
    """The conversation as it stood before the message, and what happens in it from then on."""

    first: AssistEvent
    stream: AsyncGenerator[AssistEvent]


def _before(first: AssistEvent, turn: Turn) -> _Outcome | None:
    """What is known without waiting, when the turn stood there already; None when it is not the last."""
    if not isinstance(first, SnapshotEvent):
        return _Outcome()
    turns = first.data.conversation.turns
    if not any(t.id == turn.id for t in turns):
        return _Outcome()
    if turns[-1].id != turn.id:
        return None
    suggestion = first.data.suggestion
    fresh = suggestion is not None and suggestion.revision == first.data.conversation.revision
    return _Outcome(suggestion, over=True) if fresh else _Outcome()


def _after(outcome: _Outcome, event: AssistEvent, turn: Turn) -> _Outcome | None:
    """`outcome` with what `event` says; None when another turn, or the end, came."""
    if isinstance(event, WrapUpEvent) or (isinstance(event, TurnEvent) and event.data.id != turn.id):
        return None
    match event:
        case SuggestionCompletedEvent(data=suggestion):
            return _Outcome(suggestion)
        case SuggestionBlockedEvent(data=block):
            shown = outcome.suggestion
            return outcome if shown and shown.id != block.suggestion_id else _Outcome(reason=block.message)
        case SuggestionSilentEvent(data=silence):
            return outcome if outcome.suggestion else _Outcome(reason=silence.why)
        case RevisionDoneEvent():
            return replace(outcome, over=True)
    return outcome


def _principal(helpdesk: Helpdesk) -> Principal:
    return Principal(
        id=f"usr_{helpdesk.name}",
        tenant_id=helpdesk.tenant_id,
        name=helpdesk.title,
        role=Role.INTEGRATION,
    )


def _key(delivery: Delivery) -> tuple[str, str]:
    return (delivery.integration, delivery.message.event_id)
