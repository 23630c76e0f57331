"""Where work stands: the span it belongs to, and the request that caused it.

Both travel in context variables, which every task and `asyncio.to_thread` inherit, so that no stage has to
pass them on. Whoever begins something (a request, a job) asks a `Tracer` for a span; everything below asks
for `span(name)`, which is a child of the current one, or nothing where there is none.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, Protocol, Self, TypeVar

from copilot.domain.errors import CopilotError

AttributeValue = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Ended:
    """A span that is over; `error` is a code or class, None when all went well."""

    name: str
    seconds: float
    attributes: Attributes
    error: str | None


Listener = Callable[[Ended], None]


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

    @property
    def keeps_content(self) -> bool:
        """Whether what people and models say may be set as an attribute; the operator decides."""

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

    def listen(self, listener: Listener) -> None:
        """`listener` hears of every span that ends, on whatever thread it ends; it must not block."""


class _NoSpan:
    trace_id = ""
    span_id = ""
    keeps_content = False

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


class _NoTracer:
    def start(
        self,
        name: str,  # noqa: ARG002
        kind: SpanKind = SpanKind.INTERNAL,  # noqa: ARG002
        attributes: Attributes | None = None,  # noqa: ARG002
        *,
        traceparent: str | None = None,  # noqa: ARG002
        link: str | None = None,  # noqa: ARG002
    ) -> Span:
        return NO_SPAN

    def listen(self, listener: Listener) -> None:
        """There is nothing to hear."""


NO_TRACER: Tracer = _NoTracer()
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


P = ParamSpec("P")
T = TypeVar("T")


def traced(name: str) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Every call of the coroutine function is a piece of work of this name."""

    def decorated(work: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(work)
        async def within_span(*args: P.args, **kwargs: P.kwargs) -> T:
            with span(name):
                return await work(*args, **kwargs)

        return within_span

    return decorated


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
