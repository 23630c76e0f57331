"""`copilot keys`: API keys for people and systems."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from copilot.config import Settings
from copilot.domain.access import Principal, Role

Name = Annotated[str, typer.Option(help="Whose key it is; shown in approvals and the ledger.")]
RoleOption = Annotated[Role, typer.Option(help="What the key may do.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the key alone.")]


def build_app() -> typer.Typer:
    app = typer.Typer(help="API keys: made once, shown once.", no_args_is_help=True)
    app.command("create")(create)
    app.command("list")(list_keys)
    app.command("revoke")(revoke)
    return app


def create(name: Name, role: RoleOption = Role.REPRESENTATIVE, quiet: Quiet = False) -> None:
    """Make a key and show it: it can't be shown again."""
    key = asyncio.run(create_key(Settings(), name, role))
    print(key if quiet else f"{key}\nKeep it: it is not shown again. It speaks for {name} ({role}).")


def list_keys() -> None:
    """Every key's prefix, name, role and state."""

    async def found() -> Table:
        from copilot.bootstrap import open_state  # noqa: PLC0415 - costs start-up time

        settings = Settings()
        table = Table("prefix", "name", "role", "made", "revoked")
        async with open_state(settings) as state:
            for key in await state.api_keys.list_keys(settings.tenant):
                revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
                made = f"{key.created_at:%Y-%m-%d %H:%M}"
                table.add_row(key.prefix, key.principal.name, key.principal.role, made, revoked)
        return table

    Console().print(asyncio.run(found()))


def revoke(prefix: Annotated[str, typer.Argument(help="As `copilot keys list` shows it.")]) -> None:
    """Make a key useless, within five seconds in servers that run."""

    async def work() -> None:
        from copilot.bootstrap import open_state  # noqa: PLC0415 - costs start-up time

        settings = Settings()
        async with open_state(settings) as state:
            await state.api_keys.revoke(settings.tenant, prefix)

    asyncio.run(work())
    print(f"Revoked {prefix}.")


async def create_key(settings: Settings, name: str, role: Role) -> str:
    """The new key, for a principal whose id follows from the name: the same person has the same id."""
    from copilot.bootstrap import open_state  # noqa: PLC0415 - costs start-up time

    slug = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split()) or "someone"
    principal = Principal(id=f"usr_{slug}", tenant_id=settings.tenant, name=name, role=role)
    async with open_state(settings) as state:
        return await state.api_keys.create(principal)
