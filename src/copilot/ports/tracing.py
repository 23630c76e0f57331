"""Where work stands: the span it belongs to, and the request that caused it.

Both travel in context variables, which every task and `asyncio.to_thread` inherit, so that no stage has to
pass them on. Whoever begins something (a request, a job) asks a `Tracer` for a span; everything below asks
for `span(name)`, which is a child of the current one, or nothing where there is none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Protocol, Self

from copilot.domain.errors import CopilotError

AttributeValue = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, AttributeValue]


class SpanKind(Enum):
    """As OpenTelemetry has them."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    """A piece of work with a name, a beginning and an end."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits; "" of a span that nobody sees."""

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits."""

    def set(self, attributes: Attributes) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, kind: str) -> None:
        """`kind` is an error's code or class, never its words: those may quote a customer."""

    def child(self, name: str, kind: SpanKind, attributes: Attributes | None) -> "Span": ...

    def end(self) -> None: ...


class Tracer(Protocol):
    """Begins spans that have no parent in this process."""

    def start(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        *,
        traceparent: str | None = None,
        link: str | None = None,
    ) -> Span:
        """`traceparent` is the W3C header of whoever asked; `link` that of what this work goes back to."""

    def listen(self, listener: Callable[[str, float], None]) -> None:
        """`listener` hears the name and the seconds of every span that ends; it must not block."""


class _NoSpan:
    trace_id = ""
    span_id = ""

    def set(self, attributes: Attributes) -> None:
        """Nobody sees it."""

    def rename(self, name: str) -> None:
        """Nobody sees it."""

    def fail(self, kind: str) -> None:
        """Nobody sees it."""

    def child(self, name: str, kind: SpanKind, attributes: Attributes | None) -> Span:  # noqa: ARG002
        return self

    def end(self) -> None:
        """Nobody sees it."""


NO_SPAN: Span = _NoSpan()
_current: ContextVar[Span] = ContextVar("current span", default=NO_SPAN)


def current_span() -> Span:
    """The span that work done here belongs to."""
    return _current.get()


def traceparent() -> str | None:
    """The current span as a W3C `traceparent`, for work that is done elsewhere or later."""
    span = _current.get()
    return f"00-{span.trace_id}-{span.span_id}-01" if span.trace_id else None


class within:  # noqa: N801 - read as the function that it replaces: a generator costs more
    """`with within(span):` makes it the current one, and ends it; what is raised inside marks it failed."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        self._token = _current.set(self._span)
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        _current.reset(self._token)
        if kind is not None:
            self._span.fail(error.code if isinstance(error, CopilotError) else kind.__name__)
        self._span.end()


def span(name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None) -> within:
    """A piece of work within the current one; the block gets it."""
    return within(_current.get().child(name, kind, attributes))


@dataclass
class Cause:
    """The request that work is done for: what a log line says of it. Filled in as it becomes known."""

    request_id: str = ""
    tenant_id: str = ""
    route: str = ""

    def note(self, *, tenant_id: str = "", route: str = "") -> Self:
        self.tenant_id = tenant_id or self.tenant_id
        self.route = route or self.route
        return self


_cause: ContextVar[Cause | None] = ContextVar("cause", default=None)


def current_cause() -> Cause | None:
    return _cause.get()


@contextmanager
def caused_by(cause: Cause) -> Iterator[Cause]:
    """Work inside, and in tasks begun inside, is done for `cause`."""
    token = _cause.set(cause)
    try:
        yield cause
    finally:
        _cause.reset(token)
