"""The work that a turn starts, and how it makes way for the next one."""

import asyncio
import hashlib
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from copilot.assist.ahead import Attempt
from copilot.assist.live_parts import LiveParts, LivePorts
from copilot.assist.profile import TenantProfiles
from copilot.assist.revision import Revision
from copilot.domain.access import Principal
from copilot.domain.conversation import (
    MAX_TURN_CHARACTERS,
    Conversation,
    ConversationStatus,
    Speaker,
    Turn,
)
from copilot.domain.errors import CopilotError, InvalidInput, NotFound, TooLarge
from copilot.domain.snapshot import Progress
from copilot.ports import trace_names as names
from copilot.ports.tracing import Attributes, span

if TYPE_CHECKING:
    from copilot.domain.assist import FeedbackVerdict

_LONGEST_WORK = timedelta(seconds=10)


class TurnWork:
    """One per process. Each conversation has at most one piece of work under way, for its last revision."""

    def __init__(self, ports: LivePorts, profiles: TenantProfiles, parts: LiveParts) -> None:
        self._ports = ports
        self._profiles = profiles
        self._parts = parts
        self._glances: set[asyncio.Task[None]] = set()
        self._sights: set[asyncio.Task[FeedbackVerdict | None]] = set()

    async def start(
        self,
        principal: Principal,
        conversation: Conversation,
        turn: Turn | None,
        begun: Attempt | None,
        started: float,
        *,
        shown: bool = False,
    ) -> None:
        """Shows the turn, unless it was `shown`, and starts its work.

        `turn` None: the last customer turn is answered anew.
        """
        await self._ports.bus.advance(conversation)
        revision = await self._parts.workbench.revision(principal, conversation, started)
        revision.memory.begun = conversation.revision
        if turn is not None:
            if not shown:
                await revision.publish(turn)
            if turn.speaker is Speaker.REPRESENTATIVE:
                self._see(revision, turn)
        self._parts.workbench.start(conversation.id, partial(self._work, revision, turn, begun))

    async def make_way(self, conversation_id: str) -> None:
        """Whatever was under way is no longer the last thing said."""
        self._parts.nudges.forget(conversation_id)
        await self._parts.asks.cancel(conversation_id)
        await self._parts.workbench.cancel(conversation_id)

    async def settle(self) -> None:
        """Waits until it is kept what representatives made of the drafts they saw."""
        await asyncio.gather(*self._sights)

    def glance(self, tenant_id: str, said: Turn) -> None:
        """Embeds a customer's turn while it is being kept; what fails here fails again where it is told."""

        async def work() -> None:
            with suppress(CopilotError):
                await self._parts.pipeline.anticipate(said, await self._profiles.of(tenant_id))

        if said.speaker is Speaker.CUSTOMER:
            task = asyncio.create_task(work())
            self._glances.add(task)
            task.add_done_callback(self._glances.discard)

    async def said_already(
        self, principal: Principal, conversation_id: str, turn_id: str, started: float
    ) -> Turn:
        """The turn as it was kept; its work is done now if the server that took it ended before."""
        conversation = await self._ports.store.get(principal.tenant_id, conversation_id)
        turn = next(t for t in conversation.turns if t.id == turn_id)
        if turn != conversation.turns[-1] or conversation.status is not ConversationStatus.OPEN:
            return turn
        progress = await self._ports.bus.progress(principal.tenant_id, conversation_id, turn_id)
        memory = await self._parts.workbench.memory(conversation)
        if progress is Progress.UNTOLD:
            await self.start(principal, conversation, turn, None, started)
        elif progress is Progress.TOLD and memory.begun == 0 and self._is_old(turn):
            await self.start(principal, conversation, turn, None, started, shown=True)
        return turn

    def _is_old(self, turn: Turn) -> bool:
        """Whether a server that still lived would have ended its work."""
        return self._ports.clock.now() - turn.created_at > _LONGEST_WORK

    async def seat(self, principal: Principal, conversation: Conversation) -> Revision:
        """Where to rehearse: the conversation as it stands when the work under way has settled."""
        await self._parts.workbench.settled(conversation.id)
        return await self._parts.workbench.revision(principal, conversation)

    async def _work(self, revision: Revision, turn: Turn | None, begun: Attempt | None) -> None:
        with span(names.TURN, attributes=_described(revision)):
            await self._do(revision, turn, begun)

    async def _do(self, revision: Revision, turn: Turn | None, begun: Attempt | None) -> None:
        prepared = None
        if begun is not None:
            prepared, revision.ahead = await begun.outcome()
        asked = turn or revision.conversation.last_customer_turn
        if asked is not None and asked.speaker is Speaker.CUSTOMER:
            await self._parts.pipeline.after_customer_turn(revision, asked, prepared)
        else:
            await self._parts.pipeline.after_representative_turn(revision)
        self._parts.nudges.watch(revision.conversation, revision.playbook)

    def _see(self, revision: Revision, sent: Turn) -> None:
        """Beside the turn's work, which the customer's next turn stops."""
        task = asyncio.create_task(revision.attempt("feedback", self._seen(revision, sent)))
        self._sights.add(task)
        task.add_done_callback(self._sights.discard)

    async def _seen(self, revision: Revision, sent: Turn) -> "FeedbackVerdict | None":
        see = partial(self._parts.feedback.see, revision.principal, revision.memory, sent)
        try:
            return await see()
        except NotFound:  # somebody answered before the draft's work had ended, and it is in no store yet
            await self._ports.bus.save(revision.conversation.tenant_id, revision.conversation.id)
            return await see()


def _described(revision: Revision) -> Attributes:
    """What a span says of the work: never what was said."""
    conversation = revision.conversation
    return {
        names.CONVERSATION: conversation.id,
        names.TENANT: conversation.tenant_id,
        names.REVISION: conversation.revision,
        names.SPEAKER: conversation.turns[-1].speaker.value if conversation.turns else "",
    }


def utterance_turn(principal: Principal, conversation_id: str, utterance_id: str) -> str:
    """The same whoever tells of the utterance: two panels and a webhook may watch one conversation."""
    return _named(f"{principal.tenant_id}\n{conversation_id}\nutterance {utterance_id}")


def known_turn(
    principal: Principal, conversation_id: str, utterance_id: str | None, request: str | None
) -> str | None:
    """The same for all that one caller sends under the same key, so that a turn sent twice is one turn."""
    if utterance_id:
        return utterance_turn(principal, conversation_id, utterance_id)
    if request:
        return _named(f"{principal.tenant_id}\n{principal.id}\n{conversation_id}\nrequest {request}")
    return None


def _named(name: str) -> str:
    return f"turn_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def require_text(text: str) -> None:
    if not text.strip():
        raise InvalidInput("The turn is empty.", where="text", hint="Send what was said.")
    require_length(text)


def require_length(text: str) -> None:
    if len(text) > MAX_TURN_CHARACTERS:
        raise TooLarge(
            f"The turn has {len(text)} characters, at most {MAX_TURN_CHARACTERS} are taken.", where="text"
        )
