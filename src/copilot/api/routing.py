"""What every /v1 route does around its own work: authenticate, read a bounded body, answer a key once."""

import hashlib
import logging
import re
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from copilot.api.access import authenticate, services_of
from copilot.api.confinement import confine
from copilot.api.reads import data_of, note_read
from copilot.api.schemas import Problem
from copilot.domain.access import Principal
from copilot.domain.errors import CopilotError, InvalidInput
from copilot.ports.actions import HELD
from copilot.ports.tracing import current_cause
from copilot.web.rates import within_rate
from copilot.web.shown import showing

_log = logging.getLogger(__name__)
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ADD_TURN = "add_turn"
_THROUGH_THE_DOOR = frozenset({_ADD_TURN, "ask_question"})
"""Operations that are refused while too many wait for what they asked."""
_QUICK = {_ADD_TURN: timedelta(seconds=5)}
"""Operations that whoever repeats them need not wait for a server that died: done twice is done once."""
NEVER_KEPT = frozenset({"mint_widget_token", "receive_webhook"})
"""Operations whose answers are secret, or are given once by other means: an Idempotency-Key does nothing."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_BOUNDARY = re.compile(rb'boundary="?([^";,]+)"?', re.IGNORECASE)

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """A route that needs a principal, notes what is read, and on writes honours `Idempotency-Key`."""

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()
        data = data_of(self.operation_id)

        async def answer(request: Request) -> Response:
            principal = request.state.principal = await authenticate(request)
            if cause := current_cause():
                cause.note(tenant_id=principal.tenant_id, route=self.path_format)
            await within_rate(services_of(request).rates, principal)
            # From here on, because under load a turn waits longest before its route.
            if self.operation_id in _THROUGH_THE_DOOR:
                with services_of(request).assist.room():
                    return await take(request, principal)
            if data is None:
                return await take(request, principal)
            with showing() as ids:
                response = await take(request, principal)
            note_read(request, services_of(request), principal, data, ids, self.path_format)
            return response

        async def take(request: Request, principal: Principal) -> Response:
            await confine(request, principal, services_of(request))
            if request.method not in _WRITES:
                return await handle(request)
            await request.body()  # before anything else, so that TooLarge is answered as such
            key = request.headers.get("idempotency-key") if self.operation_id not in NEVER_KEPT else None
            if key is None:
                return await handle(request)
            held = _QUICK.get(str(self.operation_id), HELD)
            return await _once(request, principal, key, handle, held)

        return answer


def v1_router(tag: str) -> APIRouter:
    """A router for one noun under /v1, with the errors that any of its routes may answer."""
    problem = {"model": Problem, "content": {"application/problem+json": {}}}
    described = {
        401: "No API key, or one that is unknown or revoked",
        403: "The role of the key does not allow it",
        404: "Not there, or another tenant's",
        409: "Not possible any more, or the first request with this Idempotency-Key still runs",
        413: "The body is too large",
        429: "The key asks too often; `Retry-After` says how many seconds to wait",
        422: "Something sent is wrong; `errors` says where",
        503: "A dependency is down, or more turns wait than can be answered in time",
    }
    return APIRouter(
        prefix="/v1",
        tags=[tag],
        route_class=ApiRoute,
        responses={status: {**problem, "description": text} for status, text in described.items()},
    )


async def _once(
    request: Request, principal: Principal, key: str, handle: _Handler, held: timedelta
) -> Response:
    """The handler's answer, or the one given before to the same request with the same key.

    A request that fails frees its key, so that it can be sent again.
    """
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            "the Idempotency-Key is not 1 to 255 visible ASCII characters", where="header.Idempotency-Key"
        )
    services = services_of(request)
    store, tenant_id = services.idempotency, principal.tenant_id
    fingerprint = await _fingerprint(request, principal)
    earlier = await store.begin(
        tenant_id, key, fingerprint, services.clock.now(), held=held, path=request.url.path
    )
    if earlier is not None:
        status, body = earlier
        media_type = "application/json" if body else None
        return Response(body, status, {"Idempotent-Replayed": "true"}, media_type)
    try:
        response = await handle(request)
    except Exception:
        await store.abandon(tenant_id, key)
        raise
    try:
        await store.finish(tenant_id, key, response.status_code, bytes(response.body))
    except CopilotError:  # what was asked for is done; the caller must hear that
        _log.exception("could not keep the answer for an Idempotency-Key")
    return response


async def _fingerprint(request: Request, principal: Principal) -> str:
    """SHA-256 over what makes two requests the same; a form's random boundary does not."""
    body = await request.body()
    boundary = _BOUNDARY.search(request.headers.get("content-type", "").encode("latin-1"))
    if boundary:
        body = body.replace(boundary[1], b"")
    digest = hashlib.sha256()
    for part in (principal.id, request.method, request.url.path, request.url.query):
        digest.update(part.encode("utf-8", "replace") + b"\n")
    digest.update(body)
    return digest.hexdigest()
