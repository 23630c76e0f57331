"""One ASGI app: the API, the console's pages and their files."""

from fastapi import FastAPI

from copilot.api.app import create_api, describe_api
from copilot.api.services import Services
from copilot.console.pages import add_pages

__all__ = ["create_server", "describe_api"]


def create_server(services: Services, *, allowed_origins: str | None = None) -> FastAPI:
    """Serves `services` to pages of its own origin and of those that `allowed_origins` matches.

    Run it with a `timeout_graceful_shutdown`, since event streams do not end by themselves.
    """
    app = create_api(services, allowed_origins=allowed_origins)
    add_pages(app)
    return app
