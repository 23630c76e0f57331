"""An OpenTelemetry collector on loopback that keeps what it is sent: OTLP over HTTP, as protobuf."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class KeptSpan:
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    attributes: dict[str, object]
    failed: bool
    links: tuple[tuple[str, str], ...]
    """(trace id, span id)"""


@dataclass
class Collector:
    url: str
    status: int = 200
    """What it answers."""
    spans: list[KeptSpan] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    resource: dict[str, object] = field(default_factory=dict)

    def named(self, name: str) -> list[KeptSpan]:
        return [span for span in self.spans if span.name == name]

    def below(self, parent: KeptSpan) -> set[str]:
        """The names of a span's children."""
        return {span.name for span in self.spans if span.parent_id == parent.span_id}

    def descendants(self, top: KeptSpan) -> list[KeptSpan]:
        children = [span for span in self.spans if span.parent_id == top.span_id]
        return [span for child in children for span in (child, *self.descendants(child))]

    def until(self, name: str, seconds: float = 15.0) -> list[KeptSpan]:
        """The spans of this name, once there is one: they are sent every few seconds."""
        deadline = time.monotonic() + seconds
        while not (found := self.named(name)):
            assert time.monotonic() < deadline, (
                f"no span {name!r} among {sorted({s.name for s in self.spans})}"
            )
            time.sleep(0.05)
        return found


@contextmanager
def collector() -> Iterator[Collector]:
    kept = Collector("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            kept.headers.append(dict(self.headers))
            if kept.status == 200 and self.path == "/v1/traces":
                _keep(kept, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(kept.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _keep(kept: Collector, body: bytes) -> None:
    kept.bodies.append(body)
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        kept.resource = _values(resource.resource.attributes)
        for scope in resource.scope_spans:
            kept.spans += [_span(span) for span in scope.spans]


def _span(span) -> KeptSpan:
    return KeptSpan(
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_values(span.attributes),
        failed=span.status.code == 2,
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def _values(attributes) -> dict[str, object]:
    return {item.key: _value(item.value) for item in attributes}


def _value(value) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_value(item) for item in value.array_value.values)
    return getattr(value, kind) if kind else None
