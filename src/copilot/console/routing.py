"""What every page does around its own work: signed in, form genuine, errors in plain words."""

import logging
import math
import uuid
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from copilot.console.page import HEADERS, SESSION_COOKIE, STATIC_URL, Page, console_of, needs
from copilot.console.reads import data_of, note_read
from copilot.console.sessions import require_token
from copilot.domain.access import Scope
from copilot.domain.errors import (
    CopilotError,
    DependencyUnavailable,
    NotAuthenticated,
    NotPermitted,
    TooManyRequests,
)
from copilot.ports.tracing import current_cause, current_span
from copilot.web.rates import within_rate
from copilot.web.shown import showing

SIGN_IN = "/console/sign-in"
_REFUSED = 400
_POLL = "x-copilot-poll"
"""With what a page asks by itself, whether anybody looks at it or not."""
_log = logging.getLogger(__name__)
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A page of somebody who is signed in; a form needs the session's token and an origin of ours."""

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()
        data = {method: data_of(method, self.path_format) for method in self.methods or ()}

        async def answer(request: Request) -> Response:
            sessions = console_of(request).sessions
            token, somebody = request.cookies.get(SESSION_COOKIE, ""), _POLL not in request.headers
            try:
                visit = await sessions.visit(token, somebody=somebody)
            except NotAuthenticated:
                return _to_sign_in(request)
            except DependencyUnavailable:
                return public_page(request, "console/unavailable.html", status=503)
            request.state.visit = visit
            if cause := current_cause():
                cause.note(tenant_id=visit.principal.tenant_id, route=self.path_format)
            page = Page(request, console_of(request), visit)
            with showing() as ids:
                response = await _answered(page, handle)
            if (read := data.get(request.method)) and response.status_code < _REFUSED:
                note_read(request, page, read, ids, self.path_format, by_itself=not somebody)
            try:
                await sessions.keep_notices(visit)
            except DependencyUnavailable:  # what was asked for is done
                _log.warning("a notice for the next page was not kept")
            return response

        return answer


async def _answered(page: Page, handle: _Handler) -> Response:
    request = page.request
    try:
        await within_rate(page.services.rates, page.principal)
        if request.method == "POST":
            refuse_foreign(request)
            form = await request.form()
            require_token(page.visit.csrf, str(form.get("csrf", "")))
        return await handle(request)
    except HTTPException as error:  # a form that cannot be read
        return problem(page, error.status_code, "This request could not be read.", str(error.detail))
    except RequestValidationError as error:
        return problem(page, 422, "Something in this form is not as expected.", _fields(error))
    except TooManyRequests as error:
        refused = problem(page, error.status, str(error.message), error.hint)
        refused.headers["Retry-After"] = str(math.ceil(error.retry_after))
        return refused
    except CopilotError as error:
        where = "" if isinstance(error, DependencyUnavailable) else error.where
        return problem(page, error.status, str(error.message), error.hint, where)
    except Exception:  # noqa: BLE001 - logged; nobody is shown what happened inside
        trace = current_span().trace_id or uuid.uuid4().hex
        _log.exception("unexpected error on a page, trace id %s", trace)
        return problem(page, 500, "Something unexpected went wrong; it has been logged.", trace)


def page_router(noun: str, scope: Scope) -> APIRouter:
    """A router for the pages of one noun, below /console; none is part of the API's description."""
    return APIRouter(
        prefix=f"/console/{noun}",
        include_in_schema=False,
        route_class=PageRoute,
        dependencies=[needs(scope)],
    )


def refuse_foreign(request: Request) -> None:
    """`NotPermitted` for a form that another site's page has sent; SameSite and the token say so too.

    What the browser says of itself comes first: behind a proxy, Host may not be what it is outside.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        foreign = site not in {"same-origin", "none"}
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if foreign:
        raise NotPermitted("This form was sent from another site.", hint="Open the console and try again.")


def problem(page: Page, status: int, message: str, hint: str = "", where: str = "") -> HTMLResponse:
    template = "console/_problem.html" if page.by_htmx else "console/problem.html"
    return page.render(template, status=status, message=message, hint=hint, where=where, code=status)


def public_page(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page for somebody who is not signed in."""
    console = console_of(request)
    html = console.environment.get_template(template).render(
        static_url=STATIC_URL, version=console.version(), **values
    )
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def _to_sign_in(request: Request) -> Response:
    """Back to where somebody was, once they have signed in; a form is not sent again."""
    wanted = request.url.path if request.method == "GET" else ""
    address = f"{SIGN_IN}?next={quote(wanted)}" if wanted else SIGN_IN
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    return RedirectResponse(address, status_code=303)


def _fields(error: RequestValidationError) -> str:
    """What was expected where; never what was sent."""
    return " ".join(f"{'.'.join(str(p) for p in e['loc'][1:])}: {e['msg']}." for e in error.errors()[:5])
