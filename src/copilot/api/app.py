"""The FastAPI app of the HTTP API."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from copilot.api import (
    actions,
    alerts,
    asks,
    audit,
    branding,
    conversations,
    events,
    health,
    integrations,
    knowledge,
    knowledge_care,
    knowledge_intake,
    knowledge_jobs,
    macros,
    privacy,
    sign_in,
    suggestions,
    turns,
    widget,
)
from copilot.api.errors import install_error_handlers
from copilot.api.metrics import Metrics
from copilot.api.middleware import BodyLimit, Guard
from copilot.api.openapi import describe
from copilot.api.services import Services

MAX_BODY_BYTES = 1024 * 1024
MAX_UPLOAD_BYTES = 20 * 1024 * 1024
MAX_UPLOADS_BYTES = 64 * 1024 * 1024
"""Of many files together."""
_OTHER_LIMITS = {
    "/v1/integrations/": integrations.MAX_WEBHOOK_BYTES,
    "/v1/knowledge/documents": MAX_UPLOAD_BYTES,
    "/v1/knowledge/uploads": MAX_UPLOADS_BYTES,
    "/v1/knowledge/jobs/uploads": MAX_UPLOADS_BYTES,
}


def create_api(
    services: Services, *, allowed_origins: str | None = None, uploads: Mapping[str, int] | None = None
) -> FastAPI:
    """The API over `services`; `allowed_origins` is one regular expression, None: no other origin.

    `uploads` are more paths of the same app that take files, with the most bytes each.
    """
    app = _with_routes()
    app.state.services = services
    app.state.metrics = Metrics(services.events, services.usage, services.tracer, services.vitals)
    install_error_handlers(app)
    limits = {**_OTHER_LIMITS, **(uploads or {})}
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES, others=limits)
    app.add_middleware(Guard, metrics=app.state.metrics, tracer=services.tracer)
    if allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origin_regex=allowed_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Last-Event-ID",
                "traceparent",
            ],
            expose_headers=["Idempotent-Replayed", "Retry-After", "X-Request-Id"],
            max_age=600,
        )
    return app


def describe_api() -> dict[str, Any]:
    """The OpenAPI document, without any service running."""
    return describe(_with_routes())


def _with_routes() -> FastAPI:
    app = FastAPI(
        title="Agent-assist copilot",
        version="1",
        description="Live conversations in, knowledge, drafts and next actions out.",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
    )
    nouns = (
        conversations,
        turns,
        asks,
        events,
        suggestions,
        macros,
        actions,
        alerts,
        audit,
        branding,
        privacy,
    )
    outside = (widget, integrations)
    for module in (*nouns, *outside, knowledge_care, knowledge_intake, knowledge_jobs, knowledge, health):
        app.include_router(module.router)
    app.include_router(integrations.webhooks)
    app.include_router(sign_in.router)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app
