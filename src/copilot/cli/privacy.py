"""`copilot privacy`: what is kept of a customer, its erasure with a proof, and retention by age."""

import asyncio
import hashlib
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.adapters.clock import SystemClock
from copilot.adapters.ids import Uuid7Ids
from copilot.config import Settings
from copilot.domain.errors import Conflict
from copilot.domain.reads import Channel, Data, Read

if TYPE_CHECKING:
    from copilot.adapters.sql.personal_records import SqlPersonalRecords

Customer = Annotated[
    str, typer.Option("--customer", metavar="ID", help="The customer's id in the order system.")
]
Said = Annotated[
    list[str] | None,
    typer.Option("--said", help="Also conversations where this was said: an e-mail address, a phone number."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")]


def build_app() -> typer.Typer:
    app = typer.Typer(help="Customers' data: show, erase, keep no longer.", no_args_is_help=True)
    app.command("export")(export)
    app.command("erase")(erase)
    app.command("retention")(retention)
    return app


def export(*, customer: Customer, said: Said = None) -> None:
    """Print everything that is kept of a customer's conversations, as JSON."""

    async def collect() -> dict[str, Any]:
        from copilot.adapters.sql.personal_records import SqlPersonalRecords  # noqa: PLC0415 - start-up time
        from copilot.adapters.sql.read_store import SqlReadStore  # noqa: PLC0415
        from copilot.bootstrap import open_state  # noqa: PLC0415

        settings = Settings()
        async with open_state(settings) as state:
            records = SqlPersonalRecords(state.database)
            ids = await records.conversations_of(settings.tenant, customer, said or ())
            await SqlReadStore(state.database).append(settings.tenant, [_exported(settings, i) for i in ids])
            return {name: await records.export(settings.tenant, name) for name in ids}

    print(json.dumps(asyncio.run(collect()), indent=2, default=str, ensure_ascii=False))


def erase(*, customer: Customer, said: Said = None, dry_run: DryRun = False) -> None:
    """Erase a customer's conversations from every table; exit status 1 when a search finds any of it left."""

    async def work() -> dict[str, Any]:
        from copilot.adapters.sql.personal_records import KEPT, SqlPersonalRecords  # noqa: PLC0415
        from copilot.bootstrap import open_state  # noqa: PLC0415

        settings = Settings()
        async with open_state(settings) as state:
            records = SqlPersonalRecords(state.database)
            ids = await records.conversations_of(settings.tenant, customer, said or ())
            proof = _proof(settings.tenant, ids)
            if dry_run:
                return proof | {"dry_run": True}
            removed, refused = await _erase(records, settings, ids)
            compacted = _compact(settings)
            left = (
                await records.traces(settings.tenant, [*(set(ids) - set(refused)), *(said or ())])
                if ids
                else {}
            )
            return proof | {
                "at": SystemClock().now().isoformat(),
                "removed": dict(sorted(removed.items())),
                "refused": refused,
                "left": {name: count for name, count in left.items() if name not in KEPT},
                "kept": {name: KEPT[name] for name in left if name in KEPT},
                "free_pages_overwritten": compacted,
            }

    proof = asyncio.run(work())
    print(json.dumps(proof, indent=2))
    sys.exit(1 if proof.get("refused") or proof.get("left") else 0)


def retention(
    *,
    days: Annotated[int, typer.Option(min=1, help="How many days a wrapped-up conversation is kept.")],
    dry_run: DryRun = False,
) -> None:
    """Erase conversations that were wrapped up, and left alone, so long ago. For every day."""

    async def work() -> tuple[int, int]:
        from copilot.adapters.sql.personal_records import SqlPersonalRecords  # noqa: PLC0415
        from copilot.bootstrap import open_state  # noqa: PLC0415

        settings, gone, refused = Settings(), 0, set[str]()
        async with open_state(settings) as state:
            records = SqlPersonalRecords(state.database)
            day = SystemClock().now() - timedelta(days=days)
            while batch := [i for i in await records.ended_before(settings.tenant, day) if i not in refused]:
                if dry_run:
                    return len(batch), 0
                _, again = await _erase(records, settings, batch)
                refused |= set(again)
                gone += len(batch) - len(again)
                print(f"{gone} conversations erased …", file=sys.stderr)
        return gone, len(refused)

    gone, refused = asyncio.run(work())
    print(
        f"{'Would erase at least' if dry_run else 'Erased'} {gone} conversations; "
        f"{refused} have an action under way."
    )


def _exported(settings: Settings, conversation_id: str) -> Read:
    return Read(
        id=Uuid7Ids().new("read"),
        tenant_id=settings.tenant,
        actor_id=f"os_{os.getuid()}",
        role="operator",
        channel=Channel.COMMAND,
        data=Data.EXPORT,
        route="copilot privacy export",
        conversation_id=conversation_id,
        at=SystemClock().now(),
    )


async def _erase(
    records: "SqlPersonalRecords", settings: Settings, ids: Sequence[str]
) -> tuple[Counter[str], dict[str, str]]:
    removed, refused = Counter[str](), dict[str, str]()
    for name in ids:
        try:
            removed += await records.erase(settings.tenant, name)
        except Conflict as error:
            refused[name] = error.message
            continue
        removed["Redis"] += await _forget_events(settings, name)
    return +removed, refused


async def _forget_events(settings: Settings, conversation_id: str) -> int:
    if settings.redis_url is None:
        return 0
    from copilot.adapters.redis.client import connect, translated  # noqa: PLC0415
    from copilot.adapters.redis.streams import keys_of  # noqa: PLC0415

    client = connect(settings.redis_url.get_secret_value())
    try:
        async with translated():
            return int(await client.delete(*keys_of((settings.tenant, conversation_id))))
    finally:
        await client.aclose()


def _proof(tenant: str, ids: Sequence[str]) -> dict[str, Any]:
    digest = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()
    return {"tenant": tenant, "conversations": len(ids), "sha256_of_their_ids": digest}


def _compact(settings: Settings) -> bool:
    """SQLite leaves what was deleted in free pages; on PostgreSQL vacuuming is its own business."""
    if settings.database_url is not None or not Path(settings.database_path).is_file():
        return False
    connection = sqlite3.connect(settings.database_path, isolation_level=None, timeout=10)
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        return False  # a server is at work: run it again when it is stopped
    finally:
        connection.close()
    return True
