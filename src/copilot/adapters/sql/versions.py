"""Which revision of the schema a database has, and how it comes to another one."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from copilot.adapters.sql.database_url import shown
from copilot.domain.errors import ConfigurationError

HEAD = "0007"
"""The newest revision in `migrations/versions`: the schema that this program works with."""
FIRST = "0001"
_TABLE = "alembic_version"
_FOLDER = Path(__file__).with_name("migrations")


def current(connection: Connection) -> str | None:
    """None when nothing says so: a new database, or a SQLite store from before there were revisions."""
    if not inspect(connection).has_table(_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {_TABLE}"))  # noqa: S608 - our own name
    return found


def stamp(connection: Connection) -> None:
    """Says that the schema is the newest; what has just been made whole needs no migration."""
    connection.execute(text(f"CREATE TABLE {_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {_TABLE} VALUES ('{HEAD}')"))  # noqa: S608 - our own words


def migrate(connection: Connection, to: str = HEAD) -> list[str]:
    """Forward or back to a revision, within the caller's transaction; returns the revisions gone through.

    `ConfigurationError` when there is no such revision, or the database has one we do not know.
    """
    # Costs start-up time, and most starts have nothing to migrate.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.script.revision import RevisionError  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    script = ScriptDirectory(str(_FOLDER))
    before = current(connection)
    known = {revision.revision for revision in script.walk_revisions()}
    if to not in known:
        raise ConfigurationError(
            f"there is no revision {to!r} of the schema.", hint=f"Expected one of {', '.join(sorted(known))}."
        )
    if before is not None and before not in known:
        raise newer(connection, before)
    forward = before is None or before < to
    passed: list[str] = []

    def steps(revision: Any, _context: MigrationContext) -> list[Any]:  # noqa: ANN401 - alembic's own steps
        make = script._upgrade_revs if forward else script._downgrade_revs  # noqa: SLF001 - as its commands do
        found = list(make(to, revision))
        passed.extend(step.revision.revision for step in found)
        return found

    try:
        with EnvironmentContext(Config(), script, fn=steps) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()
    except (CommandError, RevisionError) as error:
        raise ConfigurationError(f"cannot migrate the database: {error}") from error
    return passed


def newer(connection: Connection, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"the database has revision {found!r} of the schema, which this version does not know.",
        where=shown(connection.engine.url),
        hint="It was written by a newer version: run that one, or restore a backup.",
    )


def older(connection: Connection, found: str | None) -> ConfigurationError:
    is_at = f"has revision {found!r} of the schema" if found else "is empty"
    return ConfigurationError(
        f"the database {is_at}, and this version needs {HEAD!r}.",
        where=shown(connection.engine.url),
        hint="Run `copilot migrate` as the owner of its tables.",
    )
