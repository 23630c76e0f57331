"""One request for a page: who asks, what they may use, and the page as HTML."""

import hashlib
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from copilot.console.formats import FILTERS
from copilot.console.menu import menu_of
from copilot.console.sessions import Sessions, Visit
from copilot.domain.access import Principal, Scope, require
from copilot.ports import Clock
from copilot.web.sse import Permit

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.bootstrap import Services
    from copilot.console.reports import Reports

HERE = Path(__file__).parent
STATIC_URL = "/static"
SESSION_COOKIE = "copilot_session"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send forms with the origin "null"
}


def environment(templates: Path = HERE / "templates") -> Environment:
    """Escapes everything that is not markup of ours; an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    return made


def console_environment() -> Environment:
    """With the macros of `console/parts.html` as `ui` in every template."""
    made = environment()
    made.globals["ui"] = made.get_template("console/parts.html").module
    return made


def files_version(folder: Path) -> str:
    """Changes whenever one of the files does."""
    digest = hashlib.sha256()
    for inner, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            status = Path(inner, name).stat()
            digest.update(f"{inner}/{name} {status.st_mtime_ns} {status.st_size}\n".encode())
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class Console:
    """What every page needs; there is one for an app. `version` changes when one of our files does."""

    services: "Services"
    sessions: Sessions
    environment: Environment
    version: "Callable[[], str]"
    reports: "Reports"


@dataclass(frozen=True)
class Page:
    """A request of somebody who is signed in."""

    request: Request
    console: Console
    visit: Visit

    @property
    def services(self) -> "Services":
        return self.console.services

    @property
    def principal(self) -> Principal:
        return self.visit.principal

    @property
    def tenant_id(self) -> str:
        return self.visit.principal.tenant_id

    @property
    def clock(self) -> Clock:
        return self.console.services.clock

    @property
    def by_htmx(self) -> bool:
        """Whether a part of the page is asked for, to put into the page that is there."""
        return self.request.headers.get("hx-request") == "true"

    def render(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """`template` is below `templates/`; `values` are what it speaks of."""
        return HTMLResponse(self.html(template, **values), status_code=status, headers=HEADERS)

    def html(self, template: str, **values: object) -> str:
        partial = "/_" in template
        notices = [] if partial else list(self.visit.notices)
        if not partial:
            self.visit.notices.clear()
        return self.console.environment.get_template(template).render(
            static_url=STATIC_URL,
            version=self.console.version(),
            principal=self.principal,
            menu=menu_of(self.principal),
            path=self.request.url.path,
            csrf=self.visit.csrf,
            now=self.clock.now(),
            notices=notices,
            **values,
        )

    def permit(self) -> Permit:
        """For a stream: it ends with the session, which it does not keep from ending."""
        token = self.request.cookies.get(SESSION_COOKIE, "")
        seconds = (self.visit.session.ends_at - self.clock.now()).total_seconds()
        return Permit(partial(self.console.sessions.visit, token, somebody=False), seconds)

    def go(self, path: str, notice: str = "") -> RedirectResponse:
        """After a form: another page, which shows `notice`."""
        if notice:
            self.visit.notices.append(notice)
        return RedirectResponse(path, status_code=303)


def console_of(request: Request) -> Console:
    return cast("Console", request.app.state.console)


async def _page(request: Request) -> Page:  # async: FastAPI runs plain functions in threads
    return Page(request, console_of(request), cast("Visit", request.state.visit))


PageDep = Annotated[Page, Depends(_page)]


def needs(scope: Scope) -> Any:  # noqa: ANN401 - a FastAPI dependency
    """A dependency: `NotPermitted` for a role without the scope."""

    async def permitted(page: PageDep) -> None:
        require(page.principal, scope)

    return Depends(permitted)
