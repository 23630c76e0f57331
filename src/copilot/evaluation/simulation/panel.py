"""The panel as a program uses it: says, decides, and sees what is shown after each thing that happens."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from copilot.domain.recording import Verification
from copilot.evaluation.conversations import Shown
from copilot.evaluation.live_client import EventFeed, LiveClient, ReceivedEvent

_PATIENCE_SECONDS = 60.0
_SETTLED = ("succeeded", "failed", "unresolved", "rejected", "expired", "awaiting_second_approval")


class Panel:
    """One conversation, open."""

    def __init__(self, client: LiveClient, supervisor: LiveClient, feed: EventFeed, path: str) -> None:
        self._client = client
        self._supervisor = supervisor
        self._feed = feed
        self._path = path
        self.shown = Shown()
        """What the panel shows now."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, client: LiveClient, supervisor: LiveClient, opening: dict[str, Any]
    ) -> AsyncIterator[Self]:
        conversation = await client.post("/v1/conversations", opening)
        feed = EventFeed(client, conversation["id"])
        try:
            panel = cls(client, supervisor, feed, f"/v1/conversations/{conversation['id']}")
            await panel._until(lambda event: event.type == "snapshot")
            yield panel
        finally:
            await feed.close()

    async def say(self, speaker: str, text: str) -> Shown:
        """`customer` or `representative`; what is shown for it."""
        await self._client.post(f"{self._path}/turns", {"speaker": speaker, "text": text})
        return await self._after(lambda event: event.type == "revision.done")

    async def verify(self, proof: Verification) -> Shown:
        """Raises `ToolFailed` when the proof does not hold."""
        await self._client.post(f"{self._path}/customer", proof.model_dump(exclude_none=True))
        return await self._after(lambda event: event.type == "revision.done")

    async def approve(self, action_id: str, *, as_supervisor: bool = False) -> str:
        """What became of it: the action's status."""
        who = self._supervisor if as_supervisor else self._client
        action = await who.get(f"/v1/actions/{action_id}")
        await who.post(f"/v1/actions/{action_id}/approve", {"digest": action["digest"]})
        return await self._settled(action_id)

    async def reject(self, action_id: str, reason: str) -> str:
        await self._client.post(f"/v1/actions/{action_id}/reject", {"reason": reason})
        return await self._settled(action_id)

    async def correct(self, action_id: str, arguments: dict[str, Any]) -> str:
        """Other arguments, of a new action; its id."""
        changed = await self._client.post(f"/v1/actions/{action_id}/edit", {"arguments": arguments})
        return str(changed["id"])

    async def wrap_up(self) -> None:
        await self._client.post(f"{self._path}/wrap-up", {})
        await self._until(lambda event: event.type == "wrap_up")

    async def _settled(self, action_id: str) -> str:
        event = await self._until(
            lambda e: (
                e.type == "action.updated" and e.data["id"] == action_id and e.data["status"] in _SETTLED
            )
        )
        # What the decision changes is shown after it: the order, what to do next, the summary.
        await self._until(lambda e: e.type == "summary")
        return str(event.data["status"])

    async def _after(self, is_last: Callable[[ReceivedEvent], bool]) -> Shown:
        self.shown = self.shown.next()
        await self._until(is_last)
        return self.shown

    async def _until(self, is_last: Callable[[ReceivedEvent], bool]) -> ReceivedEvent:
        while True:
            event = await self._feed.next(_PATIENCE_SECONDS)
            self.shown.take(event)
            if is_last(event):
                return event
