"""One ASGI app: the API, the console's pages and their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from copilot.api.app import create_api, describe_api
from copilot.console.app import UPLOADS, add_console
from copilot.console.pages import add_pages
from copilot.console.widget import WidgetHosts, add_widget
from copilot.evaluation.shelf import ReportShelf

if TYPE_CHECKING:
    from copilot.bootstrap import Services

__all__ = ["create_server", "describe_api"]

_NO_REPORTS = Path("evaluations") / "reports"


def create_server(
    services: "Services",
    *,
    allowed_origins: str | None = None,
    reports: Path = _NO_REPORTS,
    widget_hosts: Mapping[str, Sequence[str]] | None = None,
    tenant: str = "larkfield",
) -> FastAPI:
    """Serves `services` to pages of its own origin and of those that `allowed_origins` matches.

    `reports` is the folder in which the console looks for evaluation reports. `widget_hosts` are, by tenant,
    the origins whose pages may frame the widget; `tenant` is the one that `/widget` is for when its address
    names none. Run the app with a `timeout_graceful_shutdown`, since event streams do not end by themselves.
    """
    app = create_api(services, allowed_origins=allowed_origins, uploads=UPLOADS)
    add_pages(app)
    add_widget(app, WidgetHosts(widget_hosts or {}, tenant))
    add_console(app, services, ReportShelf(reports))
    return app
