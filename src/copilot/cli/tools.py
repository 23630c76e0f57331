"""`copilot tools`: the catalog, and replaying tasks whose right end is known."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from copilot.tools.replay import Replayed
    from copilot.tools.tool import Tool


def build_app() -> typer.Typer:
    app = typer.Typer(help="The tools that look things up and change them.", no_args_is_help=True)
    app.command("list")(list_tools)
    app.command("replay")(replay)
    return app


def list_tools() -> None:
    """List the catalog: every tool with its effect, the scope it needs, and its arguments."""
    from rich.console import Console  # noqa: PLC0415 - costs start-up time
    from rich.table import Table  # noqa: PLC0415

    from copilot.tools.catalog import Catalog  # noqa: PLC0415

    table = Table("tool", "effect", "scope", "arguments", "what it does")
    for tool in Catalog():
        table.add_row(tool.name, tool.effect.value, tool.scope.value, _arguments(tool), tool.description)
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def replay(
    db: Annotated[Path, typer.Option(help="The shop's database, in tau-bench's shape (JSON).")],
    tasks: Annotated[Path, typer.Option(help="Tasks, one JSON object a line.")],
    expected: Annotated[Path, typer.Option(help="Expected end states, one JSON object a line.")],
) -> None:
    """Replay tasks through approvals and executor with a scripted approver; exit status 1 on any miss.

    Every miss is listed with its differences. A line that cannot be read counts as a miss.
    """
    results = asyncio.run(_replay_with_progress(db, tasks, expected))
    misses = [result for result in results if not result.passed]
    for miss in misses:
        print(f"MISS {miss.task}")
        for problem in miss.problems:
            print(f"  {problem}")
    print(f"passed {len(results) - len(misses)} of {len(results)}")
    if misses or not results:
        sys.exit(1)


async def _replay_with_progress(db: Path, tasks: Path, expected: Path) -> "list[Replayed]":
    from rich.console import Console  # noqa: PLC0415 - costs start-up time
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    from copilot.evaluation.tau_replay import replay_files  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Replaying tasks", total=None)
        return await replay_files(
            db, tasks, expected, lambda done, total: bar.update(task, completed=done, total=total)
        )


def _arguments(tool: "Tool") -> str:
    """Names, with a question mark where one may be left out."""
    fields = tool.arguments.model_fields.items()
    return ", ".join(name if field.is_required() else f"{name}?" for name, field in fields)
