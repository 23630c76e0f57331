"""The commands, and how their errors are shown."""

import gc
import sys

import typer

from copilot.cli import (
    databases,
    demo,
    doctor,
    ingest,
    keys,
    knowledge,
    knowledge_care,
    ledger,
    mcp,
    policy,
    privacy,
    serve,
    tools,
)
from copilot.cli import eval as evaluations
from copilot.domain.errors import ConfigurationError, CopilotError, InvalidInput

_BAD_INPUT = 2


def build_app() -> typer.Typer:
    app = typer.Typer(
        name="copilot",
        help="Agent-assist copilot: knowledge, grounded replies and next actions while people talk.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.command("serve")(serve.serve)
    app.command("ingest")(ingest.ingest)
    app.command("search")(knowledge.search)
    app.command("reindex")(knowledge.reindex)
    app.command("learn")(knowledge.learn)
    app.command("demo")(demo.demo)
    app.command("doctor")(doctor.doctor)
    app.command("migrate")(databases.migrate)
    app.command("move")(databases.move)
    app.command("mcp")(mcp.mcp)
    app.command("openapi")(serve.openapi)
    app.add_typer(evaluations.build_app(), name="eval")
    app.add_typer(keys.build_app(), name="keys")
    app.add_typer(knowledge_care.build_app(), name="knowledge")
    app.add_typer(ledger.build_app(), name="ledger")
    app.add_typer(policy.build_app(), name="policy")
    app.add_typer(privacy.build_app(), name="privacy")
    app.add_typer(tools.build_app(), name="tools")
    return app


def main() -> None:
    """Runs one command; a `CopilotError` becomes one clear message, with exit status 2 for bad input."""
    gc.set_threshold(
        50_000, 20, 100
    )  # a start makes objects that stay: looking for garbage in them is in vain
    try:
        build_app()()
    except CopilotError as error:
        sys.stderr.write(f"copilot: {error}\n")
        sys.exit(_BAD_INPUT if isinstance(error, InvalidInput | ConfigurationError) else 1)
