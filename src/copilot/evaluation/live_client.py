"""A small client of the public HTTP API: what a CRM would write to take part in live conversations."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import httpx

from copilot.domain.errors import DependencyUnavailable, ToolFailed


@dataclass(frozen=True)
class ReceivedEvent:
    """One server-sent event and when it arrived (`time.perf_counter()` seconds)."""

    type: str
    revision: int
    data: dict[str, Any]
    received_at: float
    id: int = 0


class LiveClient:
    """Posts turns and decisions as one principal; every write carries its own `Idempotency-Key`."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @classmethod
    @asynccontextmanager
    async def connect(cls, base_url: str, api_key: str) -> AsyncIterator[Self]:
        headers = {"Authorization": f"Bearer {api_key}"}
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30, limits=limits) as http:
            yield cls(http)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Posts JSON; a problem answer becomes `ToolFailed` with the server's own words."""
        try:
            response = await self._http.post(path, json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        except httpx.HTTPError as error:
            raise DependencyUnavailable(f"POST {path} did not get through: {error!r}") from error
        return _body(response, f"POST {path}")

    async def get(self, path: str) -> dict[str, Any]:
        try:
            response = await self._http.get(path)
        except httpx.HTTPError as error:
            raise DependencyUnavailable(f"GET {path} did not get through: {error!r}") from error
        return _body(response, f"GET {path}")

    async def events(self, conversation_id: str) -> AsyncIterator[ReceivedEvent]:
        """The conversation's events as they arrive, the snapshot first."""
        path = f"/v1/conversations/{conversation_id}/events"
        async with self._http.stream("GET", path, timeout=httpx.Timeout(30, read=None)) as response:
            if response.status_code != httpx.codes.OK:
                await response.aread()
                _body(response, f"GET {path}")
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    at = time.perf_counter()
                    event = json.loads(line[5:])
                    yield ReceivedEvent(event["type"], event["revision"], event["data"], at, event["id"])


class EventFeed:
    """Events of one conversation, collected in the background."""

    def __init__(self, client: LiveClient, conversation_id: str) -> None:
        self._events: asyncio.Queue[ReceivedEvent | BaseException] = asyncio.Queue()
        self._task = asyncio.create_task(self._collect(client, conversation_id))

    async def next(self, seconds: float) -> ReceivedEvent:
        """The next event, or `DependencyUnavailable` when none comes in time or the stream ended."""
        try:
            event = await asyncio.wait_for(self._events.get(), seconds)
        except TimeoutError as error:
            raise DependencyUnavailable(f"no event for {seconds:g} s") from error
        if isinstance(event, BaseException):
            raise DependencyUnavailable(f"the event stream ended: {event!r}") from event
        return event

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _collect(self, client: LiveClient, conversation_id: str) -> None:
        try:
            async for event in client.events(conversation_id):
                self._events.put_nowait(event)
        except Exception as error:  # noqa: BLE001 - handed to the reader, whatever it is
            self._events.put_nowait(error)
        else:
            self._events.put_nowait(EOFError("closed by the server"))


def _body(response: httpx.Response, what: str) -> dict[str, Any]:
    if response.is_success:
        return dict(response.json()) if response.content else {}
    try:
        problem = response.json()
        said = f"{problem['code']}: {problem.get('detail') or problem['title']}"
    except (ValueError, KeyError):
        said = response.text[:200]
    raise ToolFailed(f"{what} answered {response.status_code}: {said}")
