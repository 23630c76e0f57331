"""`copilot privacy`: what is kept of a customer, its erasure with a proof, and retention by age."""

import asyncio
import json
import os
import sys
from typing import Annotated, Any

import typer

from copilot.adapters.clock import SystemClock
from copilot.adapters.ids import Uuid7Ids
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError
from copilot.domain.privacy import ErasureProof, RetentionReport, hash_of_ids
from copilot.domain.reads import Channel, Data, Read

Customer = Annotated[
    str, typer.Option("--customer", metavar="ID", help="The customer's id in the order system.")
]
Said = Annotated[
    list[str] | None,
    typer.Option("--said", help="Also conversations where this was said: an e-mail address, a phone number."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]


def build_app() -> typer.Typer:
    app = typer.Typer(help="Customers' data: show, erase, keep no longer.", no_args_is_help=True)
    app.command("export")(export)
    app.command("erase")(erase)
    app.command("retain")(retain)
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
    """Erase a customer's conversations from every store; exit status 1 when anything of it is left.

    That is: a row or file that a search still finds, a conversation with an action under way, or an entry
    from before the ledger kept seals instead of text, which its chain cannot lose.
    """

    async def work() -> ErasureProof:
        from copilot.bootstrap import open_state  # noqa: PLC0415
        from copilot.bootstrap.erasing import eraser  # noqa: PLC0415

        settings = Settings()
        async with open_state(settings) as state:
            all_stores = eraser(settings, state)
            ids = await all_stores.conversations_of(settings.tenant, customer, said or ())
            if dry_run:
                return await all_stores.plan(settings.tenant, ids)
            return await all_stores.erase(
                settings.tenant, ids, said or (), by="command line", subject_id=hash_of_ids(ids)
            )

    proof = asyncio.run(work())
    print(proof.model_dump_json(indent=2))
    if proof.ledger_still_holds:
        print(
            f"{len(proof.ledger_still_holds)} old entries of the ledger hold text, masked by shape: names in "
            "it stay. A chain cannot lose an entry; see docs/decisions/0048-erasable-ledger.md.",
            file=sys.stderr,
        )
    sys.exit(0 if dry_run or proof.complete else 1)


def retain(*, dry_run: DryRun = False) -> None:
    """Remove what is older than COPILOT_RETENTION_DAYS says, now; a running server does it by itself."""

    async def work() -> RetentionReport | None:
        from copilot.bootstrap import open_state  # noqa: PLC0415
        from copilot.bootstrap.erasing import eraser, retention  # noqa: PLC0415

        settings = Settings()
        if settings.tenant not in settings.retention_days:
            raise ConfigurationError(
                f"nothing says how long data of {settings.tenant} is kept.",
                where="COPILOT_RETENTION_DAYS",
                hint='Such as {"larkfield": {"conversations": 180}}.',
            )
        async with open_state(settings) as state:
            job = retention(settings, state, eraser(settings, state))
            return await (job.plan(settings.tenant) if dry_run else job.retain(settings.tenant))

    report = asyncio.run(work())
    if report is None:
        print("A server does it at the moment, or has done it within the hour.", file=sys.stderr)
        return
    print(report.model_dump_json(indent=2))


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
