"""Spans that nobody exports: they have ids for the log, and tell listeners how long things took."""

import re
import secrets
import time
from collections.abc import Callable

from copilot.ports.tracing import Attributes, Span, SpanKind

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)
Listeners = list[Callable[[str, float], None]]


def parse_traceparent(header: str | None) -> tuple[str, str] | None:
    """(trace id, span id) of a W3C `traceparent`; None when there is none, or none that is one."""
    found = _TRACEPARENT.fullmatch(header.strip()) if header else None
    return (found[1], found[2]) if found else None


class PlainTracer:
    """A `Tracer`."""

    def __init__(self) -> None:
        self._listeners: Listeners = []

    def start(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,  # noqa: ARG002
        attributes: Attributes | None = None,  # noqa: ARG002
        *,
        traceparent: str | None = None,
        link: str | None = None,  # noqa: ARG002
    ) -> Span:
        parent = parse_traceparent(traceparent)
        return _PlainSpan(name, parent[0] if parent else secrets.token_hex(16), self._listeners)

    def listen(self, listener: Callable[[str, float], None]) -> None:
        self._listeners.append(listener)

    async def close(self) -> None:
        """Nothing to send."""


class _PlainSpan:
    __slots__ = ("_listeners", "_name", "_started", "trace_id")

    def __init__(self, name: str, trace_id: str, listeners: Listeners) -> None:
        self._name = name
        self.trace_id = trace_id
        self._listeners = listeners
        self._started = time.perf_counter()

    @property
    def span_id(self) -> str:
        return self.trace_id[:16]

    def set(self, attributes: Attributes) -> None:
        """Nobody sees it."""

    def rename(self, name: str) -> None:
        """Listeners know it by what it was begun as."""

    def fail(self, kind: str) -> None:
        """Nobody sees it."""

    def child(self, name: str, kind: SpanKind, attributes: Attributes | None) -> Span:  # noqa: ARG002
        return _PlainSpan(name, self.trace_id, self._listeners)

    def end(self) -> None:
        seconds = time.perf_counter() - self._started
        for listener in self._listeners:
            listener(self._name, seconds)
