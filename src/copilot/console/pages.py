"""Pages that the server itself serves: the demo inbox and the files it needs."""

import hashlib
import os
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_HERE = Path(__file__).parent
_STATIC_URL = "/static"
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


def add_pages(
    app: FastAPI, *, templates: Path = _HERE / "templates", static: Path = _HERE / "static"
) -> None:
    """Adds `/`, `/inbox` and `/static` to the app; none of them is part of the API's description."""
    environment = Environment(
        loader=FileSystemLoader(templates), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def root() -> RedirectResponse:
        return RedirectResponse("/inbox", status_code=307)

    @router.get("/inbox")
    async def inbox() -> HTMLResponse:
        page = environment.get_template("inbox.html")
        html = page.render(static_url=_STATIC_URL, version=_version(static))
        return HTMLResponse(html, headers=_PAGE_HEADERS)

    app.include_router(router)
    app.mount(_STATIC_URL, _CachedFiles(directory=static, check_dir=False), name="static")


class _CachedFiles(StaticFiles):
    """An address with `?v=` never changes its content; any other is asked about each time, by ETag."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=") and response.status_code < 400  # noqa: PLR2004
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return response


def _version(static: Path) -> str:
    """Changes whenever one of the files does."""
    digest = hashlib.sha256()
    for folder, _, names in sorted(os.walk(static)):
        for name in sorted(names):
            status = Path(folder, name).stat()
            digest.update(f"{folder}/{name} {status.st_mtime_ns} {status.st_size}\n".encode())
    return digest.hexdigest()[:12]
