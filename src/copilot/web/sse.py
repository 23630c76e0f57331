"""Server-sent events on the wire.

FastAPI's own generator endpoints are not used: in 0.165 a client that leaves while an event is being sent
makes them raise (fastapi/fastapi#15824), which would be logged as an error with every panel that is closed.
"""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from copilot.domain.errors import CopilotError, DependencyUnavailable, NotAuthenticated, NotPermitted

_log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 15.0


class StreamedEvent(Protocol):
    """What can be sent: an AssistEvent, a JobEvent or an Alert."""

    @property
    def id(self) -> int | str: ...
    @property
    def type(self) -> str: ...
    def model_dump_json(self) -> str: ...


EventT = TypeVar("EventT", bound=StreamedEvent)


@dataclass(frozen=True)
class Permit:
    """What a stream was opened with: good for `seconds` at most, and as long as `check` raises nothing.

    It is looked at again every 30 s, since a key may be revoked meanwhile.
    """

    check: Callable[[], Awaitable[object]]
    seconds: float | None = None
    every: float = 30.0

    async def holds(self) -> bool:
        try:
            await self.check()
        except (NotAuthenticated, NotPermitted):
            return False
        except DependencyUnavailable:
            return True  # nobody has refused them
        return True


def _as_json(event: StreamedEvent) -> str:
    return event.model_dump_json()


class EventStream(StreamingResponse):
    """Sends `events` until they end, the client leaves or the permit does not hold, and closes them then.

    `data_of` says what stands in an event's `data`; by default the event itself as JSON.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[EventT],
        heartbeat: float = HEARTBEAT_SECONDS,
        *,
        data_of: Callable[[EventT], str] = _as_json,
        permit: Permit | None = None,
    ) -> None:
        self._chunks = _encoded(events, heartbeat, data_of, permit)
        super().__init__(self._chunks, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._chunks.aclose()


async def _encoded(
    events: AsyncGenerator[EventT],
    heartbeat: float,
    data_of: Callable[[EventT], str],
    permit: Permit | None,
) -> AsyncGenerator[bytes]:
    """The events as bytes, and a comment whenever none has come for `heartbeat` seconds."""
    now = asyncio.get_running_loop().time
    ends = now() + permit.seconds if permit and permit.seconds is not None else math.inf
    checked_next = min(ends, now() + permit.every) if permit else math.inf
    coming: asyncio.Task[EventT | None] | None = None
    try:
        while True:
            coming = coming or asyncio.create_task(_next(events))
            done, _ = await asyncio.wait({coming}, timeout=max(0.0, min(heartbeat, checked_next - now())))
            if permit and now() >= checked_next:
                if now() >= ends or not await permit.holds():
                    return
                checked_next = min(ends, now() + permit.every)
            if not done:
                yield KEEPALIVE_COMMENT
                continue
            ended, coming = coming, None
            try:
                event = ended.result()
            except CopilotError as error:  # whoever watches comes again, as after any end
                _log.warning("a stream of events ended: %s", error)
                return
            if event is None:
                return
            yield format_sse_event(data_str=data_of(event), event=event.type, id=str(event.id))
    finally:
        if coming is None:
            await events.aclose()
        else:
            coming.cancel()  # ends `events` too, where they wait


async def _next(events: AsyncGenerator[EventT]) -> EventT | None:
    return await anext(events, None)
