"""Log lines that programs read: one JSON object a line, or plain text for people; never an error's own words.

An error of a library may quote what it was given (a row, a prompt): of an exception a line says its class and
where it was raised. Messages pass through `mask`, which takes out what looks like personal data.
"""

import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from copilot.domain.errors import CopilotError
from copilot.ports.tracing import current_cause, current_span

_OF_ACCESS = ("method", "route", "status", "duration_ms", "total_ms")
_FRAMES = 20
Mask = Callable[[str], str]


def set_up_logs(lines: logging.Formatter, level: str, stream: TextIO | None = None) -> None:
    """Sends the process's log to `stream`, else to standard error: ours from `level`, others' warnings."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(lines)
    root = logging.getLogger()
    for former in list(root.handlers):
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("copilot").setLevel(level.upper())


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message", …}`, with the trace, request and tenant it was written for."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_fields(record, self._mask), ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """The same for people: `12:00:01.234 WARNING copilot.x message key=value …`."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record, self._mask)
        exception = fields.pop("exception", None)
        head = [str(fields.pop("time"))[11:23], *(str(fields.pop(n)) for n in ("level", "logger", "message"))]
        line = " ".join([*head, *(f"{name}={value}" for name, value in fields.items())])
        line = line.replace("\n", "\\n").replace("\r", "\\r")
        if exception is None:
            return line
        return "\n".join([f"{line} {exception['type']}", *(f"    {at}" for at in exception["stack"])])


def _fields(record: logging.LogRecord, mask: Mask) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": mask(record.getMessage()),
    }
    span, cause = current_span(), current_cause()
    if span.trace_id:
        fields |= {"trace_id": span.trace_id, "span_id": span.span_id}
    if cause is not None:
        noted = {"request_id": cause.request_id, "tenant_id": cause.tenant_id, "route": cause.route}
        fields |= {name: value for name, value in noted.items() if value}
    fields |= {name: getattr(record, name) for name in _OF_ACCESS if hasattr(record, name)}
    if record.exc_info and record.exc_info[1] is not None:
        fields["exception"] = _exception(record.exc_info[1])
    return fields


def _exception(error: BaseException) -> dict[str, Any]:
    """Its class and where it was raised; of what caused it too, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    stack = [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    described: dict[str, Any] = {"type": type(error).__qualname__, "stack": stack}
    if isinstance(error, CopilotError):
        described["code"] = error.code
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = _exception(cause)
    return described


def _place(path: str) -> str:
    """The end of a file's path, which says enough and names no machine."""
    return "/".join(Path(path).parts[-3:])
