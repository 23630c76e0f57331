"""`copilot migrate`, `copilot move`: the schema of the database, and its way to another engine."""

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.config import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

To = Annotated[str | None, typer.Option(help="A revision, as 0001; the newest where it is left out.")]
Role = Annotated[
    str | None, typer.Option(help="Let this role of PostgreSQL do what the server needs, and no more.")
]
Source = Annotated[str, typer.Option("--from", help="sqlite:PATH")]
Target = Annotated[str, typer.Option("--to", help="postgresql://…, as its owner")]


def migrate(to: To = None, grant: Role = None) -> None:
    """Bring the database's tables to a revision, forward or back, as their owner and while no server runs."""
    from copilot.bootstrap.databases import migrate_database  # noqa: PLC0415 - costs start-up time

    passed, now = migrate_database(Settings(), to, grant)
    went = f"Went through {', '.join(passed)}: the" if passed else "The"
    print(f"{went} schema is at {now}.")
    if grant is not None:
        print(f"{grant} may work with it.")


def move(source: Source, target: Target) -> None:
    """Copy everything from SQLite to PostgreSQL and compare it; run it again to go on where it stopped.

    Exit status 1 when a table is not the same on both sides.
    """
    from copilot.bootstrap.databases import move_database  # noqa: PLC0415 - costs start-up time

    with _bar() as on_progress:
        tables = move_database(source, target, on_progress)
    for table in tables:
        if table.rows or not table.same:
            word = "same     " if table.same else "DIFFERENT"
            print(f"{word} {table.name:24} {table.rows:9} {table.checksum[:16]}")
    wrong = sum(not table.same for table in tables)
    print(f"{sum(table.rows for table in tables)} rows in {len(tables)} tables; {wrong} differ.")
    if wrong:
        sys.exit(1)
    print("Now set COPILOT_DATABASE_URL; `copilot reindex` makes the vector index there.")


@contextmanager
def _bar() -> "Iterator[Callable[[str, int, int], None]]":
    """A progress bar on stderr: what is being done, and how far."""
    from rich.console import Console  # noqa: PLC0415 - costs start-up time
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)
