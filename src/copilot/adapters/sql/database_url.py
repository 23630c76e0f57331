"""Addresses of databases, as people write them."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from copilot.domain.errors import ConfigurationError

_SQLITE = "sqlite"
_POSTGRES = frozenset({"postgresql", "postgres"})


def parse(url: str, setting: str) -> Path | URL:
    """`sqlite:PATH` or `sqlite:///PATH` as a path, `postgresql://…` as the address our driver takes.

    `ConfigurationError`, without the password, for anything else.
    """
    if url.startswith(f"{_SQLITE}:"):
        path = url.removeprefix(f"{_SQLITE}:")
        return Path(path.removeprefix("//").removeprefix("/") if path.startswith("///") else path)
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        found = None
    if found is None or found.get_backend_name() not in _POSTGRES or not found.database:
        raise ConfigurationError(
            "this is not the address of a database.",
            hint="Expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:PATH.",
            where=setting,
        )
    return found.set(drivername="postgresql+psycopg")


def parse_postgres(url: str, setting: str) -> URL:
    """Of PostgreSQL alone."""
    if isinstance(found := parse(url, setting), Path):
        raise ConfigurationError(
            "this is not PostgreSQL.",
            hint="Expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
            where=setting,
        )
    return found


def is_postgres(url: str | None) -> bool:
    return url is not None and url.split(":", 1)[0] in _POSTGRES


def shown(url: URL) -> str:
    """Without the password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
