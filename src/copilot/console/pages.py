"""Pages that the server itself serves: the demo inbox and the files it needs."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from copilot.console.page import HERE, STATIC_URL, environment, files_version

_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


def add_pages(app: FastAPI, *, templates: Path = HERE / "templates", static: Path = HERE / "static") -> None:
    """Adds `/`, `/inbox` and `/static` to the app; none of them is part of the API's description."""
    pages = environment(templates)
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def root() -> RedirectResponse:
        return RedirectResponse("/inbox", status_code=307)

    @router.get("/inbox")
    async def inbox() -> HTMLResponse:
        page = pages.get_template("inbox.html")
        html = page.render(static_url=STATIC_URL, version=files_version(static))
        return HTMLResponse(html, headers=_PAGE_HEADERS)

    app.include_router(router)
    app.mount(STATIC_URL, _CachedFiles(directory=static, check_dir=False), name="static")


class _CachedFiles(StaticFiles):
    """An address with `?v=` never changes its content; any other is asked about each time, by ETag."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=") and response.status_code < 400  # noqa: PLR2004
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return response
