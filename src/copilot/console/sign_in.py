"""Signing in to the console with an API key, and out."""

import hmac
import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from copilot.console.menu import first_page
from copilot.console.page import SESSION_COOKIE, PageDep, console_of
from copilot.console.routing import SIGN_IN, PageRoute, public_page, refuse_foreign
from copilot.console.sessions import LIFETIME
from copilot.domain.errors import CopilotError, NotPermitted

router = APIRouter(prefix="/console", include_in_schema=False)
signed_in = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)
_FORM_COOKIE = "copilot_sign_in"
"""Given back by the form: only a page of ours can know it before there is a session."""
_MAX_KEY = 500


@router.get("/sign-in")
async def sign_in_form(request: Request, next: str = "") -> Response:  # noqa: A002 - the name in the address
    return _form(request, next)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    key: Annotated[str, Form(max_length=_MAX_KEY)] = "",
    csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",  # noqa: A002
) -> Response:
    sessions = console_of(request).sessions
    try:
        refuse_foreign(request)
        expected = request.cookies.get(_FORM_COOKIE, "")
        if not expected or not hmac.compare_digest(expected.encode(), csrf.encode()):
            raise NotPermitted("This form is too old.", hint="Try again.")
        token = await sessions.sign_in(key.strip())
    except CopilotError as error:
        return _form(request, next, error)
    visit = await sessions.visit(token)
    response = RedirectResponse(_inside(next) or first_page(visit.principal), status_code=303)
    _set_cookie(request, response, SESSION_COOKIE, token, int(LIFETIME.total_seconds()))
    response.delete_cookie(_FORM_COOKIE, path=SIGN_IN)
    return response


@signed_in.post("/sign-out")
async def sign_out(page: PageDep) -> Response:
    await page.console.sessions.sign_out(page.request.cookies.get(SESSION_COOKIE, ""))
    response = RedirectResponse(SIGN_IN, status_code=303)
    response.delete_cookie(SESSION_COOKIE, path="/console")
    return response


@signed_in.get("")
async def home(page: PageDep) -> Response:
    return page.go(first_page(page.principal))


def _form(request: Request, wanted: str, error: CopilotError | None = None) -> Response:
    token = secrets.token_urlsafe(32)
    response: Response = public_page(
        request,
        "console/sign_in.html",
        status=error.status if error else 200,
        csrf=token,
        wanted=_inside(wanted) or "",
        problem=f"{error.message}. {error.hint}".replace("..", ".") if error else "",
    )
    _set_cookie(request, response, _FORM_COOKIE, token, 3_600, path=SIGN_IN)
    return response


def _inside(address: str) -> str | None:
    """The address when it is a page of the console, and nothing that a browser would take elsewhere."""
    plain = address.isascii() and not any(c in address for c in "\\\r\n\t")
    return address if plain and address.startswith("/console/") else None


def _set_cookie(
    request: Request, response: Response, name: str, value: str, seconds: int, path: str = "/console"
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
