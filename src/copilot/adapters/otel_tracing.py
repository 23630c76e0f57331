"""Spans for an OpenTelemetry collector, sent in batches from a thread of their own over OTLP/HTTP.

A collector that is slow or gone costs spans, never a turn: what does not fit into the queue is dropped.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import SpanKind as ApiKind
from opentelemetry.trace import Tracer as ApiTracer

from copilot.adapters.plain_tracing import parse_traceparent
from copilot.ports import trace_names as names
from copilot.ports.tracing import Attributes, AttributeValue, Ended, Listener, Span, SpanKind

_KINDS = {kind: ApiKind[kind.name] for kind in SpanKind}
_CONTENT = frozenset({names.INPUT_MESSAGES, names.OUTPUT_MESSAGES})
_TOLD_EVERY_SECONDS = 60.0
_TALKATIVE = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)


@dataclass(frozen=True)
class OtelSettings:
    """`endpoint` is the collector's base address, e.g. http://127.0.0.1:4318; None: as OTEL_… say."""

    endpoint: str | None = None
    headers: Mapping[str, str] | None = None
    sampled: float = 1.0
    """The share of traces that are kept, of those whose caller has not decided."""
    content: bool = False
    service: str = "copilot"
    timeout_seconds: float = 5.0


class OtelTracer:
    """A `Tracer`."""

    def __init__(
        self, settings: OtelSettings, version: str, mask: Callable[[str], str] = lambda text: text
    ) -> None:
        """`mask` goes over what people and models said, where that is kept at all."""
        endpoint = f"{settings.endpoint.rstrip('/')}/v1/traces" if settings.endpoint else None
        exporter = OTLPSpanExporter(
            endpoint=endpoint,
            headers=dict(settings.headers) if settings.headers else None,
            timeout=settings.timeout_seconds,
        )
        resource = Resource.create({"service.name": settings.service, "service.version": version})
        self._provider = TracerProvider(
            resource=resource,
            sampler=ParentBased(TraceIdRatioBased(settings.sampled)),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("copilot", version, schema_url=names.SCHEMA_URL)
        self._made = _Made(self._tracer, [], mask if settings.content else None)
        for logger in _TALKATIVE:
            logging.getLogger(logger).addFilter(_Seldom())

    def start(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        *,
        traceparent: str | None = None,
        link: str | None = None,
    ) -> Span:
        parent, linked = _remote(traceparent), _remote(link)
        context = set_span_in_context(NonRecordingSpan(parent)) if parent else None
        span = self._tracer.start_span(
            name, context, _KINDS[kind], attributes, links=[Link(linked)] if linked else None
        )
        return _OtelSpan(name, span, attributes, self._made)

    def listen(self, listener: Listener) -> None:
        self._made.listeners.append(listener)

    async def close(self) -> None:
        """Sends what waits, for at most a few seconds."""
        await asyncio.to_thread(self._provider.shutdown)


@dataclass(frozen=True)
class _Made:
    """What every span of a tracer shares; `mask` None: content is not kept."""

    tracer: ApiTracer
    listeners: list[Listener]
    mask: Callable[[str], str] | None


class _OtelSpan:
    __slots__ = ("_attributes", "_error", "_made", "_name", "_span", "_started", "span_id", "trace_id")

    def __init__(self, name: str, span: ApiSpan, attributes: Attributes | None, made: _Made) -> None:
        self._name = name
        self._span = span
        self._made = made
        self._attributes: dict[str, AttributeValue] = dict(attributes) if attributes else {}
        self._error: str | None = None
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.span_id = f"{context.span_id:016x}"
        self._started = time.perf_counter()

    @property
    def keeps_content(self) -> bool:
        return self._made.mask is not None and self._span.is_recording()

    def set(self, attributes: Attributes) -> None:
        self._attributes.update(attributes)
        for name, value in attributes.items():
            if name in _CONTENT:
                if self._made.mask is None:
                    continue
                value = self._made.mask(str(value))  # noqa: PLW2901
            self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._name = name
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        self._error = kind
        self._span.set_attribute(names.ERROR_TYPE, kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def child(self, name: str, kind: SpanKind, attributes: Attributes | None) -> Span:
        span = self._made.tracer.start_span(name, set_span_in_context(self._span), _KINDS[kind], attributes)
        return _OtelSpan(name, span, attributes, self._made)

    def end(self) -> None:
        self._span.end()
        ended = Ended(self._name, time.perf_counter() - self._started, self._attributes, self._error)
        for listener in self._made.listeners:
            listener(ended)


class _Seldom(logging.Filter):
    """The exporter says with every batch that its collector is gone; once a minute is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _TOLD_EVERY_SECONDS
        return True


def _remote(traceparent: str | None) -> SpanContext | None:
    found = parse_traceparent(traceparent)
    if found is None or traceparent is None:
        return None
    flags = TraceFlags(int(traceparent.strip().split("-")[3], 16))
    return SpanContext(int(found[0], 16), int(found[1], 16), is_remote=True, trace_flags=flags)
