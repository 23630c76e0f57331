"""The database of a folder that several processes work in: SQLite, or the one whose address lies there."""

from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from copilot.adapters.sql import versions
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.database_url import parse
from copilot.adapters.sql.opening import open_database

_ADDRESS = "database-url"


async def open_folder(folder: Path) -> Database:
    address = folder / _ADDRESS
    if address.is_file():
        return await open_database(parse(address.read_text(), str(address)))
    return await Database.open(folder / "copilot.db")


def use_address(folder: Path, address: str) -> None:
    """Whoever opens the folder's database works there."""
    (folder / _ADDRESS).write_text(address)


def make_database(address: str, name: str) -> str:
    """A new database beside the one that the address names, with today's schema; its address."""
    engine = create_engine(parse(address, "--database-url"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    made = make_url(address).set(database=name).render_as_string(hide_password=False)
    engine = create_engine(parse(made, "--database-url"))
    with engine.begin() as connection:
        versions.migrate(connection)
    engine.dispose()
    return made
