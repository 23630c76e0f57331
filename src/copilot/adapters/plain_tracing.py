"""Spans that nobody exports: they have ids for the log, and tell listeners how long things took."""

import re
import secrets
import time

from copilot.ports.tracing import Attributes, AttributeValue, Ended, Listener, Span, SpanKind

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)


def parse_traceparent(header: str | None) -> tuple[str, str] | None:
    """(trace id, span id) of a W3C `traceparent`; None when there is none, or none that is one."""
    found = _TRACEPARENT.fullmatch(header.strip()) if header else None
    return (found[1], found[2]) if found else None


class PlainTracer:
    """A `Tracer`."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def start(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,  # noqa: ARG002
        attributes: Attributes | None = None,
        *,
        traceparent: str | None = None,
        link: str | None = None,  # noqa: ARG002
    ) -> Span:
        parent = parse_traceparent(traceparent)
        trace_id = parent[0] if parent else secrets.token_hex(16)
        return _PlainSpan(name, trace_id, attributes, self._listeners)

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def close(self) -> None:
        """Nothing to send."""


class _PlainSpan:
    __slots__ = ("_attributes", "_error", "_listeners", "_name", "_started", "span_id", "trace_id")
    keeps_content = False

    def __init__(
        self, name: str, trace_id: str, attributes: Attributes | None, listeners: list[Listener]
    ) -> None:
        self._name = name
        self._attributes: dict[str, AttributeValue] = dict(attributes) if attributes else {}
        self._error: str | None = None
        self._listeners = listeners
        self.trace_id = trace_id
        self.span_id = secrets.token_hex(8)
        self._started = time.perf_counter()

    def set(self, attributes: Attributes) -> None:
        self._attributes.update(attributes)

    def rename(self, name: str) -> None:
        self._name = name

    def fail(self, kind: str) -> None:
        self._error = kind

    def child(self, name: str, kind: SpanKind, attributes: Attributes | None) -> Span:  # noqa: ARG002
        return _PlainSpan(name, self.trace_id, attributes, self._listeners)

    def end(self) -> None:
        ended = Ended(self._name, time.perf_counter() - self._started, self._attributes, self._error)
        for listener in self._listeners:
            listener(ended)
