"""`copilot keys`: API keys for people and systems."""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from copilot.adapters.clock import SystemClock
from copilot.config import Settings
from copilot.domain.access import ApiKey, Principal, Role
from copilot.domain.errors import InvalidInput

Name = Annotated[str, typer.Option(help="Whose key it is; shown in approvals and the ledger.")]
RoleOption = Annotated[Role, typer.Option(help="What the key may do.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the key alone.")]
ExpiresIn = Annotated[
    str | None, typer.Option(help="How long it is good for: 90d, 12h, 4w. Left out: until it is revoked.")
]
_SPAN = re.compile(r"([1-9]\d{0,4})([hdw])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}
_MOST = timedelta(days=3_660)


def build_app() -> typer.Typer:
    app = typer.Typer(help="API keys: made once, shown once.", no_args_is_help=True)
    app.command("create")(create)
    app.command("list")(list_keys)
    app.command("revoke")(revoke)
    return app


def create(
    name: Name, role: RoleOption = Role.REPRESENTATIVE, expires_in: ExpiresIn = None, quiet: Quiet = False
) -> None:
    """Make a key and show it: it can't be shown again."""
    lifetime = None if expires_in is None else _lifetime(expires_in)
    key = asyncio.run(create_key(Settings(), name, role, lifetime))
    said = f"It speaks for {name} ({role})" + (f", for {expires_in}." if expires_in else ".")
    print(key if quiet else f"{key}\nKeep it: it is not shown again. {said}")


def list_keys() -> None:
    """Every key's prefix, name, role and state."""

    async def found() -> Table:
        from copilot.bootstrap import open_state  # noqa: PLC0415 - costs start-up time

        settings = Settings()
        table = Table("prefix", "name", "role", "made", "expires", "state")
        async with open_state(settings) as state:
            for key in await state.api_keys.list_keys(settings.tenant):
                who = key.principal
                times = (_moment(key.created_at), _moment(key.expires_at))
                table.add_row(key.prefix, who.name, who.role, *times, _state(key, SystemClock().now()))
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


async def create_key(settings: Settings, name: str, role: Role, lifetime: timedelta | None = None) -> str:
    """The new key, for a principal whose id follows from the name: the same person has the same id."""
    from copilot.bootstrap import open_state  # noqa: PLC0415 - costs start-up time

    slug = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split()) or "someone"
    principal = Principal(id=f"usr_{slug}", tenant_id=settings.tenant, name=name, role=role)
    expires_at = None if lifetime is None else SystemClock().now() + lifetime
    async with open_state(settings) as state:
        return await state.api_keys.create(principal, expires_at)


def _lifetime(text: str) -> timedelta:
    match = _SPAN.fullmatch(text.strip())
    lifetime = timedelta(hours=int(match[1]) * _HOURS[match[2]]) if match else timedelta(0)
    if not timedelta(0) < lifetime <= _MOST:
        raise InvalidInput(
            f"{text!r} is no time that a key may be good for.",
            where="--expires-in",
            hint="Expected hours, days or weeks, at most ten years: 12h, 90d, 4w.",
        )
    return lifetime


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at:
        return f"revoked {_moment(key.revoked_at)}"
    return "expired" if key.expires_at and key.expires_at <= now else "good"
