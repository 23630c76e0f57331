"""Signing in to the console with an API key or at the company's identity provider, and out."""

import hmac
import secrets
from typing import Annotated, Literal
from urllib.parse import quote, unquote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from copilot.console.menu import first_page
from copilot.console.page import SESSION_COOKIE, PageDep, console_of
from copilot.console.routing import SIGN_IN, PageRoute, public_page, refuse_foreign
from copilot.console.sessions import LIFETIME
from copilot.domain.errors import CopilotError, NotAuthenticated, NotFound, NotPermitted
from copilot.ports import PersonSignIn
from copilot.web.rates import within_rate_of_address

router = APIRouter(prefix="/console", include_in_schema=False)
signed_in = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)
_FORM_COOKIE = "copilot_sign_in"
"""Given back by the form: only a page of ours can know it before there is a session."""
_AWAY_COOKIE = "copilot_away"
_AWAY_SECONDS = 600
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
        await _within_rate(request)
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


@router.get("/sign-in/company")
async def sign_in_elsewhere(request: Request, next: str = "") -> Response:  # noqa: A002
    """Sends the browser to the provider, with a secret of its own to come back with."""
    secret = secrets.token_urlsafe(32)
    try:
        await _within_rate(request)
        address = await _provider(request).begin(secret)
    except CopilotError as error:
        return _form(request, next, error)
    response = RedirectResponse(address, status_code=303)
    kept = f"{secret}.{quote(_inside(next) or '', safe='')}"
    # Lax: the browser comes back from another site, and a strict cookie would stay at home.
    _set_cookie(request, response, _AWAY_COOKIE, kept, _AWAY_SECONDS, path=SIGN_IN, samesite="lax")
    return response


@router.get("/sign-in/callback")
async def come_back(request: Request) -> Response:
    """Signs in whom the provider has, once; with what the browser had when it left."""
    secret, _, wanted = request.cookies.get(_AWAY_COOKIE, "").partition(".")
    wanted = unquote(wanted)
    try:
        await _within_rate(request)
        if not secret:
            raise NotAuthenticated("This sign-in is too old, or was begun elsewhere.", hint="Begin it again.")
        person = await _provider(request).finish(secret, request.query_params)
        token = await console_of(request).sessions.sign_in_person(person)
    except CopilotError as error:
        response = _form(request, wanted, error)
    else:
        # A page that goes on by itself, not a redirect: one that began on another site would not bring the
        # session's strict cookie along.
        response = public_page(
            request, "console/signed_in.html", address=_inside(wanted) or first_page(person)
        )
        response.headers["Referrer-Policy"] = "no-referrer"  # this address has the code in it
        _set_cookie(request, response, SESSION_COOKIE, token, int(LIFETIME.total_seconds()))
    response.delete_cookie(_AWAY_COOKIE, path=SIGN_IN)
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


async def _within_rate(request: Request) -> None:
    rates = console_of(request).services.rates
    await within_rate_of_address(rates, request.client.host if request.client else "")


def _provider(request: Request) -> PersonSignIn:
    provider = console_of(request).services.person_sign_in
    if provider is None:
        raise NotFound("Nobody signs in here but with an API key.", hint="Use your key.")
    return provider


def _form(request: Request, wanted: str, error: CopilotError | None = None) -> Response:
    token = secrets.token_urlsafe(32)
    response: Response = public_page(
        request,
        "console/sign_in.html",
        status=error.status if error else 200,
        csrf=token,
        wanted=_inside(wanted) or "",
        elsewhere=console_of(request).services.person_sign_in is not None,
        problem=f"{error.message}. {error.hint}".replace("..", ".") if error else "",
    )
    _set_cookie(request, response, _FORM_COOKIE, token, 3_600, path=SIGN_IN)
    return response


def _inside(address: str) -> str | None:
    """The address when it is a page of the console, and nothing that a browser would take elsewhere."""
    plain = address.isascii() and not any(c in address for c in "\\\r\n\t")
    return address if plain and address.startswith("/console/") else None


def _set_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    seconds: int,
    path: str = "/console",
    samesite: Literal["lax", "strict"] = "strict",
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite=samesite,
    )
