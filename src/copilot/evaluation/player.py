"""Plays a recorded conversation through the public HTTP API and times every event."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from copilot.domain.errors import ToolFailed
from copilot.domain.recording import RecordedConversation, RecordedTurn
from copilot.evaluation.live_client import EventFeed, LiveClient, ReceivedEvent

OnEvent = Callable[[ReceivedEvent, float], None]
"""Called with each event and the milliseconds since what caused it was posted."""
AfterTurn = Callable[[int, str | None], None]
"""Called with a turn's index, or the number of turns after the wrap-up, and with what went wrong, or None."""

_PATIENCE_SECONDS = 60.0
_SETTLED = ("succeeded", "failed", "unresolved", "rejected", "expired", "awaiting_second_approval")


@dataclass(frozen=True)
class Timing:
    """How long after `cause` was posted the first event of this type arrived."""

    cause: str
    event: str
    milliseconds: float


@dataclass
class Player:
    """Acts as the customer and the representative of one recording."""

    representative: LiveClient
    supervisor: LiveClient
    on_event: OnEvent
    on_step: Callable[[str, str], None]
    after_turn: AfterTurn | None = None
    """With it, a turn that cannot be played (nothing to approve) is reported, and playing goes on."""
    timings: list[Timing] = field(default_factory=list)
    _proposals: dict[str, str] = field(default_factory=dict)

    async def play(self, recording: RecordedConversation) -> str:
        """Plays it to the wrap-up; returns the conversation's id. Raises when anything goes wrong."""
        opening: dict[str, Any] = {"channel": recording.channel, "subject": recording.title}
        if recording.crm_customer:
            opening |= {"customer_email": recording.crm_customer, "customer_verified": True}
        conversation = await self.representative.post("/v1/conversations", opening)
        conversation_id: str = conversation["id"]
        feed = EventFeed(self.representative, conversation_id)
        try:
            await self._wait_for(feed, "snapshot", "connecting")
            path = f"/v1/conversations/{conversation_id}"
            for index, turn in enumerate(recording.turns):
                await self._reported(index, self._play_turn(feed, path, turn))
            await self._reported(len(recording.turns), self._wrap_up(feed, path))
        finally:
            await feed.close()
        return conversation_id

    async def _reported(self, index: int, playing: Awaitable[None]) -> None:
        problem = None
        try:
            await playing
        except ToolFailed as error:
            if self.after_turn is None:
                raise
            problem = str(error)
        if self.after_turn is not None:
            self.after_turn(index, problem)

    async def _play_turn(self, feed: EventFeed, path: str, turn: RecordedTurn) -> None:
        if turn.customer is not None:
            await self._say(feed, path, "customer", turn.customer)
        elif turn.representative is not None:
            await self._say(feed, path, "representative", turn.representative)
        elif turn.verify is not None:
            self.on_step("verify", "the customer's identity")
            proof = turn.verify.model_dump(exclude_none=True)
            await self._act(feed, f"{path}/customer", proof, "verify", "revision.done")
        elif turn.approve is not None:
            await self._decide(feed, self.representative, turn.approve, "approve")
        elif turn.approve_as_supervisor is not None:
            await self._decide(feed, self.supervisor, turn.approve_as_supervisor, "approve")
        elif turn.reject is not None:
            await self._decide(feed, self.representative, turn.reject, "reject")

    async def _say(self, feed: EventFeed, path: str, speaker: str, text: str) -> None:
        self.on_step(speaker, text)
        await self._act(
            feed, f"{path}/turns", {"speaker": speaker, "text": text}, f"{speaker} turn", "revision.done"
        )

    async def _decide(self, feed: EventFeed, who: LiveClient, tool: str, decision: str) -> None:
        action_id = self._proposals.get(tool)
        if action_id is None:
            raise ToolFailed(f"{tool} was to be decided ({decision}), but nobody proposed it")
        action = await who.get(f"/v1/actions/{action_id}")
        self.on_step(decision, action["preview"])
        body = (
            {"digest": action["digest"]} if decision == "approve" else {"reason": "played from a recording"}
        )
        started = time.perf_counter()
        await who.post(f"/v1/actions/{action_id}/{decision}", body)
        await self._drain(
            feed, decision, started, lambda e: e.type == "action.updated" and e.data["status"] in _SETTLED
        )
        # What the decision changes is shown after it: the order, what to do next, the summary.
        await self._drain(feed, decision, started, lambda e: e.type == "summary")

    async def _wrap_up(self, feed: EventFeed, path: str) -> None:
        self.on_step("wrap-up", "")
        await self._act(feed, f"{path}/wrap-up", {}, "wrap-up", "wrap_up")

    async def _act(self, feed: EventFeed, path: str, body: dict[str, Any], cause: str, until: str) -> None:
        started = time.perf_counter()
        await self.representative.post(path, body)
        await self._drain(feed, cause, started, lambda e: e.type == until)

    async def _wait_for(self, feed: EventFeed, event_type: str, cause: str) -> None:
        await self._drain(feed, cause, time.perf_counter(), lambda e: e.type == event_type)

    async def _drain(
        self, feed: EventFeed, cause: str, started: float, is_last: Callable[[ReceivedEvent], bool]
    ) -> None:
        seen: set[str] = set()
        while True:
            event = await feed.next(_PATIENCE_SECONDS)
            milliseconds = (event.received_at - started) * 1000
            if event.type not in seen:
                seen.add(event.type)
                self.timings.append(Timing(cause, event.type, milliseconds))
            self._remember_proposals(event)
            self.on_event(event, milliseconds)
            if is_last(event):
                return

    def _remember_proposals(self, event: ReceivedEvent) -> None:
        if event.type == "next_actions":
            for action in event.data["actions"]:
                if action.get("action_id") and action.get("call"):
                    self._proposals[action["call"]["tool"]] = action["action_id"]
