"""Pure ASGI around the whole app: spans, log lines, headers, a body limit, a net for the unexpected."""

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from copilot.api.errors import problem_of, problem_response, unexpected_problem
from copilot.api.metrics import Metrics
from copilot.domain.errors import TooLarge
from copilot.ports import trace_names as names
from copilot.ports.tracing import Cause, SpanKind, Tracer, caused_by, current_cause, current_span, within

_log = logging.getLogger(__name__)
_access = logging.getLogger("copilot.access")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: neither logged nor traced."""
_SERVER_ERRORS = 500
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Set where the response does not set them itself."""


class Guard:
    """Around every request: a span, a log line, security headers, metrics, and a net for the unexpected.

    The unexpected is answered with a trace id only; the log has it under the same id.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = _Answering(scope, send, self._metrics)
        if scope["path"] in _PROBES:
            await self._answer(answering, receive)
            return
        method = scope["method"]
        span = self._tracer.start(
            method,
            SpanKind.SERVER,
            {names.HTTP_METHOD: method, names.URL_SCHEME: scope.get("scheme", "http")},
            traceparent=Headers(scope=scope).get("traceparent"),
        )
        with within(span), caused_by(Cause(request_id=uuid.uuid4().hex)) as cause:
            try:
                await self._answer(answering, receive)
            finally:
                cause.note(route=answering.route)
                span.rename(f"{method} {answering.route}")
                span.set({names.HTTP_ROUTE: answering.route, names.HTTP_STATUS: answering.status})
                if answering.status >= _SERVER_ERRORS:
                    span.fail(str(answering.status))
                answering.log()

    async def _answer(self, answering: "_Answering", receive: Receive) -> None:
        try:
            await self._app(answering.scope, receive, answering.send)
        except Exception:
            trace_id = current_span().trace_id or uuid.uuid4().hex
            _log.exception("unexpected error, trace id %s", trace_id)
            if answering.status:
                raise  # too late for another answer: the server closes the connection
            response = problem_response(unexpected_problem(answering.scope["path"], trace_id))
            await response(answering.scope, receive, answering.send)


class _Answering:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self.scope = scope
        self.status = 0
        self._send = send
        self._metrics = metrics
        self._started = time.perf_counter()
        self._answered_after = 0.0

    @property
    def route(self) -> str:
        """The route's template, never the path itself, which has ids and may have anything."""
        return getattr(self.scope.get("route"), "path_format", None) or "none"

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if cause := current_cause():
                headers.setdefault("X-Request-Id", cause.request_id)
            self._answered_after = time.perf_counter() - self._started
            self._metrics.answered(self.scope["method"], self.route, self.status, self._answered_after)
        await self._send(message)

    def log(self) -> None:
        """One line; of a stream, when it is over. `duration_ms` is until the answer began."""
        taken = time.perf_counter() - self._started
        fields: dict[str, Any] = {
            "method": self.scope["method"],
            "route": self.route,
            "status": self.status,
            "duration_ms": round(self._answered_after * 1000, 2),
            "total_ms": round(taken * 1000, 2),
        }
        level = logging.WARNING if self.status >= _SERVER_ERRORS or not self.status else logging.INFO
        _access.log(level, "request", extra=fields)


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
