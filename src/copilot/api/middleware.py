"""Pure ASGI around the whole app: security headers, timing, a body limit, and a net for the unexpected."""

import logging
import time
import uuid
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from copilot.api.errors import problem_of, problem_response, unexpected_problem
from copilot.api.metrics import Metrics
from copilot.domain.errors import TooLarge

_log = logging.getLogger(__name__)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Set where the response does not set them itself."""


class Guard:
    """Adds security headers, counts and times requests, and answers the unexpected with a trace id only."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_at = time.perf_counter()
        status = 0

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                self._metrics.answered(scope, status, time.perf_counter() - started_at)
            await send(message)

        try:
            await self._app(scope, receive, guarded_send)
        except Exception:
            trace_id = uuid.uuid4().hex
            _log.exception("unexpected error, trace id %s", trace_id)
            if status:
                raise  # too late for another answer: the server closes the connection
            response = problem_response(unexpected_problem(scope["path"], trace_id))
            await response(scope, receive, guarded_send)


class BodyLimit:
    """Refuses a body that is too large: by its Content-Length at once, else when too much has come.

    `others` gives other limits by path prefix. Bytes.
    """

    def __init__(self, app: ASGIApp, limit: int, others: Mapping[str, int]) -> None:
        self._app = app
        self._limit = limit
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((n for path, n in self._others.items() if scope["path"].startswith(path)), self._limit)
        error = TooLarge(
            f"the request body is larger than {limit:,} bytes", where="body", hint="Send less at a time."
        )
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > limit:
            await problem_response(problem_of(error, scope["path"]))(scope, receive, send)
            return
        received = 0

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise error
            return message

        await self._app(scope, limited_receive, send)
