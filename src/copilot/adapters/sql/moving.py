"""Moves everything from a SQLite file to PostgreSQL, goes on where it stopped, and proves that all is there.

Rows go over in the order of their keys, many in one transaction, so what the target has is always a beginning
of what the source has: where to go on is its last key. Derived tables are written by the target itself, and
compared like the others.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import (
    URL,
    Boolean,
    Connection,
    Engine,
    LargeBinary,
    Table,
    column,
    create_engine,
    event,
    func,
    insert,
    select,
    table,
    text,
    tuple_,
)
from sqlalchemy.sql.expression import ColumnClause, TableClause

from copilot.adapters.sql import schema, versions
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.database_url import shown
from copilot.adapters.sql.postgres_database import PostgresDatabase
from copilot.adapters.sql.postgres_driver import readable_text
from copilot.adapters.sql.postgres_keywords import PostgresWords
from copilot.adapters.sql.tenant_scope import EVERY_TENANT, working_for
from copilot.domain.errors import ConfigurationError

_DERIVED = frozenset({"citations", "document_facets"})
"""Written by triggers of the tables that they are made from."""
_BATCH = 2_000
_DOCUMENTS = 200

OnProgress = Callable[[str, int, int], None]
"""What is being done, rows done, rows in all."""


@dataclass(frozen=True)
class MovedTable:
    """One table on both sides; `checksum` is a SHA-256 over its rows in the order of their keys."""

    name: str
    rows: int
    checksum: str
    same: bool


def move(source: Path, target: URL, on_progress: OnProgress) -> list[MovedTable]:
    """Blocking. Run it again after whatever stopped it; nothing should write to either side meanwhile.

    `ConfigurationError` when the source is missing or the target holds rows that are not the source's.
    """
    if not source.is_file():
        raise ConfigurationError("there is no database to move.", where=str(source))
    asyncio.run(_brought_up_to_date(source))
    old, new = create_engine(f"sqlite:///{source}"), create_engine(target)
    _work_for_every_tenant(new)
    try:
        with new.begin() as connection:
            versions.migrate(connection)
        with old.connect() as reader:
            _refuse_strangers(reader, new, target)
            for each in schema.metadata.sorted_tables:
                if each.name not in _DERIVED:
                    _copy(reader, new, each, on_progress)
            with new.begin() as connection:
                connection.execute(
                    text(
                        "SELECT setval(pg_get_serial_sequence('passages', 'row'), "
                        '(SELECT max("row") FROM passages)) WHERE EXISTS (SELECT 1 FROM passages)'
                    )
                )
            asyncio.run(_index_words(target, on_progress))
            return [_compared(reader, new, each, on_progress) for each in schema.metadata.sorted_tables]
    finally:
        old.dispose()
        new.dispose()


async def _brought_up_to_date(source: Path) -> None:
    await (await Database.open(source)).close()


def _work_for_every_tenant(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
        with connection.cursor() as cursor:
            cursor.execute(f"SET copilot.tenant = '{EVERY_TENANT}'")
        connection.commit()


def _refuse_strangers(reader: Connection, new: Engine, target: URL) -> None:
    """A target with a row that the source has not is somebody's work, not the beginning of a move."""
    for each in schema.metadata.sorted_tables:
        theirs = _count(new, each)
        if theirs and each.name not in _DERIVED and theirs > (mine := _rows(reader, each)):
            raise ConfigurationError(
                f"the table {each.name} has {theirs} rows there and {mine} here.",
                where=shown(target),
                hint="Move into a new database.",
            )


def _copy(reader: Connection, new: Engine, whole: Table, on_progress: OnProgress) -> None:
    total, done = _rows(reader, whole), _count(new, whole)
    plain = _plain(whole)
    on_progress(whole.name, done, total)
    with new.connect() as connection:
        keys = _key_columns(whole)
        query = select(*keys).select_from(plain).order_by(*(key.desc() for key in keys)).limit(1)
        last = connection.execute(query).one_or_none()
    for rows in _batches(reader, whole, None if last is None else tuple(last)):
        with new.begin() as connection:
            connection.execute(insert(plain), [_readable(row) for row in rows])
        done += len(rows)
        on_progress(whole.name, done, total)


def _batches(
    connection: Connection, whole: Table, last: tuple[Any, ...] | None
) -> Iterator[Sequence[dict[str, Any]]]:
    keys = _key_columns(whole)
    query = select(_plain(whole)).order_by(*keys).limit(_BATCH)
    while True:
        wanted = query if last is None else query.where(tuple_(*keys) > tuple_(*last))
        rows = [dict(row) for row in connection.execute(wanted).mappings()]
        if not rows:
            return
        yield rows
        last = tuple(rows[-1][key.name] for key in keys)


async def _index_words(target: URL, on_progress: OnProgress) -> None:
    """The words of passages, of those documents that have none yet."""
    database = await PostgresDatabase.connect(target, connections=1)
    words = PostgresWords()
    missing = text(
        "SELECT DISTINCT p.document_id FROM passages AS p WHERE p.tenant_id = :tenant AND p.searchable = 1 "
        'AND NOT EXISTS (SELECT 1 FROM passage_words AS w WHERE w.tenant_id = :tenant AND w."row" = p."row")'
    )
    try:
        with working_for(EVERY_TENANT):
            async with database.read() as connection:
                tenants = list(await connection.scalars(text("SELECT DISTINCT tenant_id FROM documents")))
            for tenant_id in tenants:
                async with database.write() as connection:
                    await words.create(connection, tenant_id)
                    ids = list(await connection.scalars(missing, {"tenant": tenant_id}))
                for start in range(0, len(ids), _DOCUMENTS):
                    on_progress("words of documents", start, len(ids))
                    async with database.write() as connection:
                        await words.add(connection, tenant_id, ids[start : start + _DOCUMENTS])
                on_progress("words of documents", len(ids), len(ids))
    finally:
        await database.close()


def _compared(reader: Connection, new: Engine, whole: Table, on_progress: OnProgress) -> MovedTable:
    on_progress(f"checking {whole.name}", 0, 1)
    mine, rows = _checksum(reader, whole)
    with new.connect() as connection:
        theirs, there = _checksum(connection, whole)
    on_progress(f"checking {whole.name}", 1, 1)
    return MovedTable(whole.name, rows, mine, same=(mine, rows) == (theirs, there))


def _checksum(connection: Connection, whole: Table) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    for rows in _batches(connection, whole, None):
        for row in rows:
            values = [v.hex() if isinstance(v, bytes) else v for v in _readable(row).values()]
            digest.update(orjson.dumps(values) + b"\n")
        count += len(rows)
    return digest.hexdigest(), count


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """As PostgreSQL can keep it."""
    return {name: readable_text(value) if isinstance(value, str) else value for name, value in row.items()}


def _plain(whole: Table) -> TableClause:
    """With values as they are kept: times are texts on both sides."""
    return table(
        whole.name,
        *(
            column(c.name, c.type) if isinstance(c.type, Boolean | LargeBinary) else column(c.name)
            for c in whole.c
        ),
    )


def _key_columns(whole: Table) -> list[ColumnClause[Any]]:
    return [column(c.name) for c in whole.primary_key]


def _count(engine: Engine, whole: Table) -> int:
    with engine.connect() as connection:
        return _rows(connection, whole)


def _rows(connection: Connection, whole: Table) -> int:
    return connection.scalar(select(func.count()).select_from(_plain(whole))) or 0
