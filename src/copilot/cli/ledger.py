"""`copilot ledger`: the append-only record of what was proposed, approved and done."""

import asyncio
import sys

import typer

from copilot.config import Settings


def build_app() -> typer.Typer:
    app = typer.Typer(help="The hash-chained ledger.", no_args_is_help=True)
    app.callback()(_group)
    app.command("verify")(verify)
    return app


def _group() -> None:
    """Keeps `verify` a sub-command while it is the only one."""


def verify() -> None:
    """Check every entry of the ledger; exit status 1 at the first that is not as it was written."""

    async def check() -> tuple[bool, str]:
        from copilot.bootstrap import open_state  # noqa: PLC0415 - costs start-up time
        from copilot.tools.ledger import BrokenLedger, verify_ledger  # noqa: PLC0415

        settings = Settings()
        async with open_state(settings) as state:
            result = await verify_ledger(state.ledger, settings.tenant)
        if isinstance(result, BrokenLedger):
            return False, f"BROKEN at entry {result.sequence}: {result.reason}."
        head = f", head {result.head.hash}" if result.head else ""
        return True, f"The ledger of {settings.tenant} holds: {result.entries} entries{head}."

    holds, message = asyncio.run(check())
    print(message)
    sys.exit(0 if holds else 1)
