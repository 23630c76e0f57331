"""Work begun while a customer still types or speaks: kept back, and shown at once when the turn arrives.

Nothing is published and nothing is written before then, so a sentence that ends otherwise costs only time.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from copilot.assist.revision import Memory, Revision
from copilot.assist.words import plain
from copilot.domain.assist import KnowledgeCards, ToolResultShown
from copilot.domain.assist_events import AheadOutcome, AssistEvent, EventData, WorkAhead
from copilot.domain.conversation import Conversation, Speaker, Turn
from copilot.domain.errors import CopilotError
from copilot.domain.knowledge import SearchResult

_log = logging.getLogger(__name__)
_DEBOUNCE_SECONDS = 0.12
_LEAST_WORDS = 3
_FILLER = frozenset(["please", "thanks", "thank", "you", "hi", "hello", "hey", "um", "uh", "ok", "okay"])

Rehearse = Callable[[Revision], Awaitable[None]]
"""Does the first stages of a turn's work on a revision that nobody sees."""
Seat = Callable[[], Awaitable[Revision]]
"""The revision to rehearse on, once the work before it has settled."""


class HeldEvents:
    """The bus of work that may come to nothing: it keeps what would have been shown."""

    def __init__(self) -> None:
        self.held: list[EventData] = []

    async def publish(
        self, tenant_id: str, conversation_id: str, revision: int, data: EventData
    ) -> AssistEvent | None:
        del tenant_id, conversation_id, revision
        self.held.append(data)
        return None

    async def save(self, tenant_id: str, conversation_id: str) -> None:
        """Nothing has been shown, so there is nothing to save."""

    @property
    def cards(self) -> KnowledgeCards | None:
        return next((d for d in reversed(self.held) if isinstance(d, KnowledgeCards)), None)

    @property
    def results(self) -> list[ToolResultShown]:
        return [d for d in self.held if isinstance(d, ToolResultShown)]


@dataclass(frozen=True)
class Prepared:
    """What is known of a turn before it arrives. `memory` is a copy that has taken the text into account."""

    conversation: Conversation
    memory: Memory
    found: SearchResult | None
    events: HeldEvents
    use: WorkAhead


@dataclass
class Attempt:
    """Work on one unfinished text; `fits` once the turn has arrived and says the same."""

    text: str
    base: Conversation
    task: "asyncio.Task[Prepared | None]"
    began: float = field(default_factory=time.perf_counter)
    fits: bool = False

    async def outcome(self) -> tuple[Prepared | None, WorkAhead]:
        """What was prepared, waited for if it is under way, and what became of it."""
        prepared = await self.task if self.fits else None
        if prepared is None:
            return None, WorkAhead(outcome=AheadOutcome.CANCELLED)
        return prepared, prepared.use


class Ahead:
    """At most one attempt for each conversation; a later prefix takes the place of an earlier one."""

    def __init__(self, *, debounce: float = _DEBOUNCE_SECONDS) -> None:
        """`debounce` in seconds: a text that changes within it is not worked on."""
        self._debounce = debounce
        self._attempts: dict[str, Attempt] = {}
        self._cancelled: set[asyncio.Task[Prepared | None]] = set()

    def begin(
        self,
        conversation: Conversation,
        text: str,
        revision: Seat,
        rehearse: Rehearse,
    ) -> None:
        """Starts on `text` unless that is under way already. `revision` is called when the pause is over."""
        before = self._attempts.get(conversation.id)
        if before is not None and before.base is conversation and same_content(before.text, text):
            return
        self.drop(conversation.id)
        if len(text.split()) < _LEAST_WORDS:
            return
        work = self._work(conversation, text, revision, rehearse)
        task = asyncio.create_task(work, name=f"ahead {conversation.id}")
        self._attempts[conversation.id] = Attempt(text, conversation, task)

    def claim(self, conversation: Conversation, turn: Turn) -> Attempt | None:
        """What was begun for this turn; what was begun for another text is cancelled.

        `conversation` is the one with the turn in it. None: nothing was begun.
        """
        attempt = self._attempts.pop(conversation.id, None)
        if attempt is None:
            return None
        attempt.fits = (
            turn.speaker is Speaker.CUSTOMER
            and attempt.base.turns == conversation.turns[:-1]
            and same_content(attempt.text, turn.text)
            and time.perf_counter() - attempt.began > self._debounce
        )
        if not attempt.fits:
            self._cancel(attempt.task)
        return attempt

    def drop(self, conversation_id: str) -> None:
        """Ends what was begun, because the conversation moved on otherwise."""
        attempt = self._attempts.pop(conversation_id, None)
        if attempt is not None:
            self._cancel(attempt.task)

    async def idle(self) -> None:
        """Waits until nothing is under way; what is prepared stays."""
        while running := [a.task for a in self._attempts.values() if not a.task.done()]:
            await asyncio.wait(running)

    async def shutdown(self) -> None:
        for conversation_id in list(self._attempts):
            self.drop(conversation_id)
        if self._cancelled:
            await asyncio.wait(self._cancelled, timeout=1)

    async def _work(
        self,
        conversation: Conversation,
        text: str,
        revision: Seat,
        rehearse: Rehearse,
    ) -> Prepared | None:
        await asyncio.sleep(self._debounce)
        try:
            shadow = await revision()
            started = time.perf_counter()
            turn = Turn(
                id=f"{conversation.id}/ahead",
                conversation_id=conversation.id,
                sequence=len(conversation.turns) + 1,
                speaker=Speaker.CUSTOMER,
                text=text,
                created_at=conversation.updated_at,
            )
            events = HeldEvents()
            rehearsed = shadow.rehearsal(turn, events)
            await rehearse(rehearsed)
        except CopilotError as error:
            _log.info("nothing prepared for %s: %s", conversation.id, error.code)
            return None
        except Exception:  # noqa: BLE001 - the turn itself will tell
            _log.exception("nothing prepared for %s", conversation.id)
            return None
        return Prepared(
            conversation=conversation,
            memory=rehearsed.memory,
            found=rehearsed.found,
            events=events,
            use=WorkAhead(
                outcome=AheadOutcome.PROMOTED,
                saved_milliseconds=round((time.perf_counter() - started) * 1000, 2),
            ),
        )

    def _cancel(self, task: "asyncio.Task[Prepared | None]") -> None:
        if not task.done():
            task.cancel()
            self._cancelled.add(task)
            task.add_done_callback(self._cancelled.discard)


def same_content(typed: str, said: str) -> bool:
    """Whether two texts differ only in courtesies, case, spaces and punctuation: every other word counts."""
    left, right = (_content(text) for text in (typed, said))
    return bool(left) and left == right


def _content(text: str) -> list[str]:
    return [word for word in plain(text).split() if word not in _FILLER]
