"""Where spans go."""

import os
from typing import TYPE_CHECKING

from copilot import __version__
from copilot.adapters.plain_tracing import PlainTracer
from copilot.assist.redaction import mask
from copilot.config import Settings

if TYPE_CHECKING:
    from copilot.adapters.otel_tracing import OtelTracer

_STANDARD = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def open_tracer(settings: Settings) -> "PlainTracer | OtelTracer":
    """To the collector that COPILOT_TRACE_URL or OpenTelemetry's own variables name; else nowhere.

    What masks text for models masks what is kept of their calls.
    """
    if settings.trace_url is None and not any(os.environ.get(name) for name in _STANDARD):
        return PlainTracer()
    from copilot.adapters.otel_tracing import OtelSettings, OtelTracer  # noqa: PLC0415 - costs start-up time

    headers = settings.trace_headers
    return OtelTracer(
        OtelSettings(
            endpoint=settings.trace_url,
            headers={name: value.get_secret_value() for name, value in headers.items()},
            sampled=settings.trace_share,
            content=settings.trace_content,
        ),
        __version__,
        mask,
    )
