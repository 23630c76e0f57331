"""The console's pages on an app."""

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI

from copilot.console import (
    adoption,
    approvals,
    audit,
    documents,
    gaps,
    jobs,
    ledger,
    lint,
    live,
    privacy,
    quarantine,
    reports,
    rules,
    search_tester,
    sign_in,
    sources,
    upload,
)
from copilot.console.page import HERE, Console, PageDep, console_environment, files_version
from copilot.console.routing import PageRoute
from copilot.console.sessions import Sessions
from copilot.domain.errors import NotFound

if TYPE_CHECKING:
    from copilot.bootstrap import Services
    from copilot.console.reports import Reports

UPLOADS = {"/console/upload": upload.MOST_BYTES}
"""Where whole files are sent to, and how many bytes at most."""


def add_console(app: FastAPI, services: "Services", shelf: "Reports") -> None:
    """Adds `/console` and what is below it; none of it is part of the API's description."""
    app.state.console = Console(
        services=services,
        sessions=Sessions(services.console_sessions, services.api_keys, services.clock),
        environment=console_environment(),
        version=partial(files_version, HERE / "static"),
        reports=shelf,
    )
    for router in routers():
        app.include_router(router)


def routers() -> tuple[APIRouter, ...]:
    """All of the console's, in the order in which they are asked."""
    knowledge = (documents, search_tester, upload, jobs, sources, gaps, lint, quarantine)
    nouns = (*knowledge, live, approvals, ledger, audit, adoption, reports, privacy)
    books = (rules.policies, rules.playbooks, rules.new_policy, rules.new_playbook)
    return (sign_in.router, sign_in.signed_in, *(noun.router for noun in nouns), *books, _elsewhere())


def _elsewhere() -> APIRouter:
    router = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)

    @router.get("/{path:path}")
    async def nothing_there(page: PageDep, path: str) -> None:
        del page, path
        raise NotFound("There is no such page.", hint="Choose one in the menu.")

    return router
