"""Opens the engine that an address names, and the stores that differ between engines."""

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, create_engine
from sqlalchemy.exc import DBAPIError

from copilot.adapters.sql import versions
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.domain.errors import ConfigurationError


async def open_database(where: Path | URL) -> Database:
    """A SQLite file, made when it is missing, or a PostgreSQL that `copilot migrate` has prepared."""
    if isinstance(where, Path):
        return await Database.open(where)
    need_driver()
    from copilot.adapters.sql.postgres_database import PostgresDatabase  # noqa: PLC0415 - an optional extra

    return await PostgresDatabase.connect(where)


def schema_of_file(path: Path) -> str | None:
    """The revision of the schema in a SQLite file, which stays as it is; None: from before there were any.

    `ConfigurationError` when it is no database.
    """
    engine = create_engine(f"sqlite:///file:{quote(str(path.absolute()))}?mode=ro&uri=true")
    try:
        with engine.connect() as connection:
            return versions.current(connection)
    except DBAPIError as error:
        raise ConfigurationError(f"cannot read the database: {error.orig}", where=str(path)) from error
    finally:
        engine.dispose()


def knowledge_store(database: Database) -> SqlKnowledgeStore:
    if type(database) is Database:
        return SqlKnowledgeStore(database)
    from copilot.adapters.sql.postgres_keywords import PostgresKeywords, PostgresWords  # noqa: PLC0415
    from copilot.adapters.sql.postgres_knowledge import PostgresPassageRows  # noqa: PLC0415

    return SqlKnowledgeStore(
        database, PostgresWords(), PostgresKeywords(database), PostgresPassageRows(database)
    )


def need_driver() -> None:
    """`ConfigurationError` where PostgreSQL's driver is not installed."""
    try:
        import psycopg  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "PostgreSQL's driver is not installed.", hint="pip install 'agent-assist-copilot[postgres]'"
        ) from error
