"""What is done to a database as a whole, while no server runs."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from copilot.adapters.sql import versions
from copilot.adapters.sql.database_url import parse, parse_postgres, shown
from copilot.adapters.sql.grants import grant as grant_role
from copilot.adapters.sql.opening import need_driver
from copilot.bootstrap.state import database_address
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError, DependencyUnavailable

if TYPE_CHECKING:
    from copilot.adapters.sql.moving import MovedTable, OnProgress


def migrate_database(settings: Settings, to: str | None, grant: str | None) -> tuple[list[str], str]:
    """The revisions gone through, and the one it has now; `grant` names the role the server works as."""
    where = database_address(settings)
    if isinstance(where, Path):
        if grant is not None:
            raise ConfigurationError("SQLite has no roles to grant anything to.", where="--grant")
        where.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"sqlite:///{where}")
    else:
        need_driver()
        engine = create_engine(where)
    revision = to or versions.HEAD
    try:
        with engine.begin() as connection:
            passed = versions.migrate(connection, revision)
            if grant is not None:
                grant_role(connection, grant)
    except DBAPIError as error:
        raise DependencyUnavailable(
            f"the database refused: {error.orig}",
            where=shown(engine.url),
            hint="Connect as the tables' owner.",
        ) from error
    finally:
        engine.dispose()
    return passed, revision


def move_database(source: str, target: str, on_progress: "OnProgress") -> "list[MovedTable]":
    """From `sqlite:PATH` to `postgresql://…`; what the tables are on both sides."""
    path, url = parse(source, "--from"), parse_postgres(target, "--to")
    if not isinstance(path, Path):
        raise ConfigurationError("only SQLite can be moved.", hint="Expected sqlite:PATH.", where="--from")
    need_driver()
    from copilot.adapters.sql.moving import move  # noqa: PLC0415 - an optional extra

    try:
        return move(path, url, on_progress)
    except DBAPIError as error:
        raise DependencyUnavailable(
            f"a database failed: {error.orig}", hint="Run it again: it goes on where it stopped."
        ) from error
