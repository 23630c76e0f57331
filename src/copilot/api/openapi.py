"""The OpenAPI description: what FastAPI derives, made exact where it cannot know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from copilot.api.routing import NEVER_KEPT
from copilot.domain.assist_events import AssistEvent
from copilot.domain.ingest import JobEvent

_REF = "#/components/schemas/{model}"
_WRITES = ("post", "put", "delete")
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Names this write: the same request with the same key gets the first answer again.",
}
_NAMED_IN_BODY = frozenset({"mint_widget_token", "start_job"})
"""Operations that may answer 404 although their address names nothing."""


def describe(app: FastAPI) -> dict[str, Any]:
    """The document served at /openapi.json; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _add_events(document)
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if path.startswith("/v1/"):
                    _complete(method, path, operation)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema


def _add_events(document: dict[str, Any]) -> None:
    schema = TypeAdapter(AssistEvent).json_schema(ref_template=_REF, mode="serialization")
    schemas = document["components"]["schemas"]
    for name, definition in schema.pop("$defs").items():
        schemas.setdefault(name, definition)
    schemas["AssistEvent"] = schema
    _add_stream(document, "/v1/conversations/{conversation_id}/events", "AssistEvent")
    job = JobEvent.model_json_schema(ref_template=_REF, mode="serialization")
    for name, definition in job.pop("$defs").items():
        schemas.setdefault(name, definition)
    schemas["JobEvent"] = job
    _add_stream(document, "/v1/knowledge/jobs/{job_id}/events", "JobEvent")


def _add_stream(document: dict[str, Any], path: str, event: str) -> None:
    stream = document["paths"][path]["get"]
    item = {
        "type": "object",
        "required": ["id", "event", "data"],
        "properties": {
            "id": {"type": "string"},
            "event": {"type": "string"},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": _REF.format(model=event)},
            },
        },
    }
    stream["responses"]["200"]["content"] = {"text/event-stream": {"itemSchema": item}}


def _complete(method: str, path: str, operation: dict[str, Any]) -> None:
    """Problems are problem+json only; 400 where a JSON body is read; the key on writes."""
    responses = operation["responses"]
    if "requestBody" in operation:
        responses["400"] = {**responses["422"], "description": "The body is not JSON"}
        responses["415"] = {**responses["422"], "description": "The body is not of the declared kind"}
    if "{" not in path and operation["operationId"] not in _NAMED_IN_BODY:
        responses.pop("404", None)
    if method not in _WRITES:
        for status in ("409", "413"):
            responses.pop(status, None)
    elif operation["operationId"] not in NEVER_KEPT:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {
                "application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}
            }
