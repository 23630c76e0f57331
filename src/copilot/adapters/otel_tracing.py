"""Spans for an OpenTelemetry collector, sent in batches from a thread of their own over OTLP/HTTP.

A collector that is slow or gone costs spans, never a turn: what does not fit into the queue is dropped.
The spans are our own, handed to the SDK's exporter when they end: the SDK's, which others may read and write
from any thread while they last, cost a turn three times as much.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace import SpanKind as ApiKind

from copilot.adapters.plain_tracing import parse_traceparent
from copilot.adapters.seldom import Seldom
from copilot.ports import trace_names as names
from copilot.ports.tracing import Attributes, AttributeValue, Ended, Listener, Span, SpanKind

_KINDS = {kind: ApiKind[kind.name] for kind in SpanKind}
_CONTENT = frozenset({names.INPUT_MESSAGES, names.OUTPUT_MESSAGES})
_WELL, _FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)
_SAMPLED, _NOT_SAMPLED = TraceFlags(TraceFlags.SAMPLED), TraceFlags(TraceFlags.DEFAULT)
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
        resource = _KnownResource(
            Resource.create({"service.name": settings.service, "service.version": version}).attributes
        )
        self._bound = TraceIdRatioBased.get_bound_for_rate(settings.sampled)
        self._batches = BatchSpanProcessor(exporter)
        self._made = _Made(
            self._batches,
            resource,
            InstrumentationScope("copilot", version, names.SCHEMA_URL),
            [],
            mask if settings.content else None,
        )
        self._quieted = [(logging.getLogger(logger), Seldom()) for logger in _TALKATIVE]
        for logger, seldom in self._quieted:
            logger.addFilter(seldom)

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
        if parent is not None:
            trace, sampled = parent.trace_id, parent.trace_flags.sampled
        else:
            trace = _IDS.generate_trace_id()
            sampled = trace & TraceIdRatioBased.TRACE_ID_LIMIT < self._bound
        flags = _SAMPLED if sampled else _NOT_SAMPLED
        return _OtelSpan(name, kind, trace, flags, parent, attributes, self._made, linked)

    def listen(self, listener: Listener) -> None:
        self._made.listeners.append(listener)

    async def close(self) -> None:
        """Sends what waits, for at most a few seconds."""
        await asyncio.to_thread(self._batches.shutdown)
        for logger, seldom in self._quieted:
            logger.removeFilter(seldom)


_IDS = RandomIdGenerator()


class _KnownResource(Resource):
    """The exporter looks each span's resource up, which hashes all that it says: this one by what it is."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


@dataclass(frozen=True, slots=True)
class _Made:
    """What every span of a tracer shares; `mask` None: content is not kept."""

    batches: BatchSpanProcessor
    resource: Resource
    scope: InstrumentationScope
    listeners: list[Listener]
    mask: Callable[[str], str] | None


class _OtelSpan:
    __slots__ = (
        "_attributes",
        "_began",
        "_context",
        "_error",
        "_kind",
        "_linked",
        "_made",
        "_name",
        "_parent",
        "_started",
    )

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        trace: int,
        flags: TraceFlags,
        parent: SpanContext | None,
        attributes: Attributes | None,
        made: _Made,
        linked: SpanContext | None = None,
    ) -> None:
        self._name = name
        self._kind = kind
        self._parent = parent
        self._linked = linked
        self._made = made
        self._attributes: dict[str, AttributeValue] = dict(attributes) if attributes else {}
        self._error: str | None = None
        self._context = SpanContext(trace, _IDS.generate_span_id(), is_remote=False, trace_flags=flags)
        self._began = time.time_ns()
        self._started = time.perf_counter_ns()

    @property
    def trace_id(self) -> str:
        return f"{self._context.trace_id:032x}"

    @property
    def span_id(self) -> str:
        return f"{self._context.span_id:016x}"

    @property
    def keeps_content(self) -> bool:
        return self._made.mask is not None and self._context.trace_flags.sampled

    def set(self, attributes: Attributes) -> None:
        self._attributes.update(attributes)

    def rename(self, name: str) -> None:
        self._name = name

    def fail(self, kind: str) -> None:
        self._error = kind

    def child(self, name: str, kind: SpanKind, attributes: Attributes | None) -> Span:
        context = self._context
        return _OtelSpan(name, kind, context.trace_id, context.trace_flags, context, attributes, self._made)

    def end(self) -> None:
        took = time.perf_counter_ns() - self._started
        if self._context.trace_flags.sampled:
            self._made.batches.on_end(self._ended(took))
        ended = Ended(self._name, took / 1e9, self._attributes, self._error)
        for listener in self._made.listeners:
            listener(ended)

    def _ended(self, took: int) -> ReadableSpan:
        """As the exporter takes it; `took` is in nanoseconds."""
        return ReadableSpan(
            name=self._name,
            context=self._context,
            parent=self._parent,
            resource=self._made.resource,
            attributes=self._told(),
            links=(Link(self._linked),) if self._linked else (),
            kind=ApiKind.INTERNAL if self._kind is SpanKind.INTERNAL else _KINDS[self._kind],
            status=_FAILED if self._error else _WELL,
            start_time=self._began,
            end_time=self._began + took,
            instrumentation_scope=self._made.scope,
        )

    def _told(self) -> dict[str, AttributeValue]:
        told = dict(self._attributes)
        if self._error is not None:
            told[names.ERROR_TYPE] = self._error
        for name in _CONTENT & told.keys():
            if self._made.mask is None:
                del told[name]
            else:
                told[name] = self._made.mask(str(told[name]))
        return told


def _remote(traceparent: str | None) -> SpanContext | None:
    found = parse_traceparent(traceparent)
    if found is None or traceparent is None:
        return None
    flags = TraceFlags(int(traceparent.strip().split("-")[3], 16))
    return SpanContext(int(found[0], 16), int(found[1], 16), is_remote=True, trace_flags=flags)
