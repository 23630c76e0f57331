"""Every error as an RFC 9457 problem: ours, bad requests, unknown routes, and the unexpected."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from copilot.api.schemas import FieldProblem, Problem
from copilot.domain.errors import CopilotError, DependencyUnavailable, NotAuthenticated, TooManyRequests

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = "5"
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_HTTP_CODES = {
    400: ("bad_request", "The request cannot be read", "The request could not be read."),
    404: ("no_such_route", "No such address", "There is nothing at this address; see /openapi.json."),
    405: ("method_not_allowed", "Method not allowed", "This address does not take this method."),
    413: ("too_large", "Too large", "The request is too large."),
    415: ("unsupported_media_type", "Unsupported media type", "Send JSON as application/json, in UTF-8."),
}


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(CopilotError, _copilot_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid_request)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http_error)  # type: ignore[arg-type]


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        problem.model_dump_json(exclude_none=True).encode("utf-8", "replace"),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def problem_of(error: CopilotError, instance: str, trace_id: str | None = None) -> Problem:
    """The problem that stands for one of our errors."""
    return Problem(
        type=f"urn:copilot:problem:{error.code}",
        title=error.code.replace("_", " ").capitalize(),
        status=error.status,
        detail=error.message,
        code=error.code,
        instance=_printable(instance),
        hint=error.hint or None,
        where=None if isinstance(error, DependencyUnavailable) else error.where or None,
        trace_id=trace_id,
    )


def http_problem(status: int, instance: str) -> Problem:
    """The problem that stands for a bare HTTP status."""
    code, title, detail = _HTTP_CODES.get(status, ("http_error", "The request failed", "The request failed."))
    return Problem(
        type=f"urn:copilot:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        instance=_printable(instance),
    )


def unexpected_problem(instance: str, trace_id: str) -> Problem:
    """Says nothing of what happened inside; the log has it under `trace_id`."""
    return Problem(
        type="urn:copilot:problem:internal_error",
        title="Internal error",
        status=500,
        detail="Something unexpected went wrong; it has been logged.",
        code="internal_error",
        instance=_printable(instance),
        hint="Try again; if it stays, report the trace id.",
        trace_id=trace_id,
    )


async def _copilot_error(request: Request, error: CopilotError) -> Response:
    headers = {}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="copilot"'
    if isinstance(error, DependencyUnavailable):
        headers["Retry-After"] = _RETRY_SECONDS
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return problem_response(problem_of(error, request.url.path), headers)


async def _http_error(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_of(request))
    return problem_response(http_problem(error.status_code, request.url.path), headers)


def _methods_of(request: Request) -> list[str]:
    """What the address takes; several routes may share it, and the one that refused knows its own alone."""
    return [
        method
        for method in _METHODS
        if any(r.matches({**request.scope, "method": method})[0] is Match.FULL for r in request.app.routes)
    ]


async def _invalid_request(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    path = request.url.path
    if any(e["type"] == "json_invalid" for e in found):
        return problem_response(_malformed(path, found))
    if isinstance(error.body, bytes) and error.body and any(e["loc"] == ("body",) for e in found):
        return problem_response(http_problem(415, path))
    problems = [FieldProblem(path=_path(e["loc"]), message=_message(e), code=e["type"]) for e in found]
    first = problems[0]
    return problem_response(
        Problem(
            type="urn:copilot:problem:invalid_input",
            title="Invalid input",
            status=422,
            detail=f"{first.path}: {first.message}",
            code="invalid_input",
            instance=_printable(path),
            errors=problems,
        )
    )


def _malformed(path: str, found: Sequence[Any]) -> Problem:
    error = next(e for e in found if e["type"] == "json_invalid")
    return Problem(
        type="urn:copilot:problem:malformed_json",
        title="Malformed JSON",
        status=400,
        detail=f"The body is not JSON: {error['ctx']['error']} at character {error['loc'][-1]}.",
        code="malformed_json",
        instance=_printable(path),
    )


def _path(location: Sequence[int | str]) -> str:
    return _printable(".".join(str(part) for part in location))


def _message(error: Mapping[str, Any]) -> str:
    """What was expected; never the input itself, which may be huge, private or unprintable."""
    return _printable(str(error["msg"]))


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:500]
