"""A local server on loopback in a thread of its own, whose next answers can be made to go wrong."""

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

FaultKind = Literal[
    "slow",  # answers late, but in time
    "error_before",  # 500, nothing done
    "unavailable_before",  # 503, nothing done
    "throttled",  # the provider's own way to say: too fast; nothing done
    "hang_before",  # no answer; done long after the client has gone
    "hang_after",  # done, then no answer: timeout after commit
    "drop_before",  # connection closed, nothing done
    "drop_after",  # done, then the connection is closed without a byte
    "truncated_after",  # done, then half an answer
    "malformed_after",  # done, then something that is not JSON
    "huge_after",  # done, then megabytes
    "error_after",  # done, then 500
    "redirect_before",  # sent elsewhere, nothing done
]
BEFORE = ("error_before", "unavailable_before", "throttled", "drop_before", "redirect_before")

_connections: dict[tuple[str, int], H11Protocol] = {}


class KnownConnections(H11Protocol):
    """Remembers its transport by the client's address, so that a fault can cut the line."""

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        _connections[self.client] = self

    def connection_lost(self, exc) -> None:
        _connections.pop(self.client, None)
        super().connection_lost(exc)


class Faults:
    """The next changes go wrong in this order; `only` picks the requests that count as changes."""

    def __init__(self, throttled: Callable[[], Response], *, hang_seconds: float = 1.0) -> None:
        self.queue: deque[FaultKind] = deque()
        self.requests: list[Request] = []
        """Every change that arrived."""
        self.hang_seconds = hang_seconds
        self._throttled = throttled
        self._lock = threading.Lock()

    def add(self, *kinds: FaultKind) -> None:
        self.queue.extend(kinds)

    async def around(self, request: Request, commit: Callable[[], Awaitable[Response]]) -> Response:
        with self._lock:
            self.requests.append(request)
            kind = self.queue.popleft() if self.queue else None
        if kind == "slow":
            await asyncio.sleep(0.05)
        if kind in BEFORE:
            return self._instead(kind, request)
        if kind == "hang_before":
            await asyncio.sleep(self.hang_seconds)
        answer = await commit()
        return await self._spoilt(kind, request, answer)

    def _instead(self, kind: str, request: Request) -> Response:
        match kind:
            case "error_before":
                return Response("<h1>Internal Server Error</h1>", 500)
            case "unavailable_before":
                return Response("<h1>Service Unavailable</h1>", 503)
            case "redirect_before":
                return Response(status_code=307, headers={"Location": "http://127.0.0.1:9/elsewhere"})
            case "throttled":
                return self._throttled()
        return cut(request)

    async def _spoilt(self, kind: str | None, request: Request, answer: Response) -> Response:
        match kind:
            case "hang_after":
                await asyncio.sleep(self.hang_seconds)
            case "drop_after":
                return cut(request)
            case "truncated_after":
                return Truncated(answer)
            case "malformed_after":
                return Response(answer.body[:-7] + b'"]', answer.status_code, media_type="application/json")
            case "huge_after":
                return Response(b'"' + b"x" * 6_000_000 + b'"', 200, media_type="application/json")
            case "error_after":
                return Response("<h1>Internal Server Error</h1>", 500)
        return answer


class Truncated(Response):
    """Promises a whole answer and closes the line after half of it."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, whole.status_code, media_type="application/json")

    async def __call__(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(0.02)
        _connections[tuple(scope["client"])].transport.abort()


def cut(request: Request) -> Response:
    _connections[tuple(request.scope["client"])].transport.abort()
    return Response(status_code=204)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serves on a free loopback port and yields the base URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_level="critical",
        http=KnownConnections,
        loop="asyncio",
        lifespan="off",
        timeout_graceful_shutdown=0,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()
