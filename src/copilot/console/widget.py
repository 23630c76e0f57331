"""The widget: a page that a CRM frames, and the scripts that its pages load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

_HERE = Path(__file__).parent
_BUILT = _HERE / "static" / "panel"
_FILES = {
    "copilot.js": "text/javascript",
    "copilot.mjs": "text/javascript",
    "copilot-element.mjs": "text/javascript",
    "copilot.d.ts": "text/plain",
}
"""What pages of other origins may load: program text that is the same for everybody."""
_SHARED_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-cache",
}

Tenant = Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9-]{1,40}$")]


@dataclass(frozen=True)
class WidgetHosts:
    """Which pages may frame the widget, by tenant; none but our own where nothing is said."""

    origins: Mapping[str, Sequence[str]]
    tenant: str

    def of(self, tenant: str | None) -> Sequence[str]:
        return self.origins.get(tenant or self.tenant, ())


def add_widget(
    app: FastAPI, hosts: WidgetHosts, *, templates: Path = _HERE / "templates", built: Path = _BUILT
) -> None:
    """Adds `/widget`, pages for helpdesks that frame an address, and the scripts; none is part of the API."""
    environment = Environment(
        loader=FileSystemLoader(templates), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    router = APIRouter(include_in_schema=False)

    def page(name: str, tenant: str | None) -> HTMLResponse:
        origins = hosts.of(tenant)
        html = environment.get_template(f"{name}.html").render(hosts=" ".join(origins))
        return HTMLResponse(html, headers=_page_headers(origins))

    @router.get("/widget")
    async def widget(tenant: Tenant = None) -> HTMLResponse:
        """The panel alone, driven by the page around it over postMessage."""
        return page("widget", tenant)

    @router.get("/widget/chatwoot")
    async def chatwoot(tenant: Tenant = None) -> HTMLResponse:
        """A Chatwoot dashboard app: Chatwoot itself frames it and says which conversation is open."""
        return page("widget-chatwoot", tenant)

    @router.get("/widget/{name}")
    async def script(name: str) -> FileResponse:
        if name not in _FILES or not (built / name).is_file():
            raise HTTPException(404)
        return FileResponse(built / name, media_type=_FILES[name], headers=_SHARED_HEADERS)

    app.include_router(router)


def _page_headers(origins: Sequence[str]) -> dict[str, str]:
    """The browser refuses the frame to all others, and the page nothing but its own scripts and its API."""
    ancestors = " ".join(["'self'", *origins])
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; "
            f"frame-ancestors {ancestors}"
        ),
        "Cache-Control": "no-cache",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
