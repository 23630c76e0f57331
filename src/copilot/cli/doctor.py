"""`copilot doctor`: whether a deployment is well, and what to do where it is not."""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic import ValidationError

from copilot.config import Settings
from copilot.domain.errors import ConfigurationError

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Check settings, files and everything the server would ask.

    Exit status 1 when something failed.
    """
    from rich.console import Console  # noqa: PLC0415 - costs start-up time
    from rich.table import Table  # noqa: PLC0415

    from copilot.bootstrap.doctor import Verdict, examine  # noqa: PLC0415

    found = asyncio.run(examine(_settings(), os.environ))
    if as_json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for finding in found:
            said = f"{finding.said} {finding.hint}".strip()
            style = _STYLES[finding.verdict]
            table.add_row(f"[{style}]{finding.verdict}[/]", finding.subject, said.replace("[", r"\["))
        Console().print(table)
    sys.exit(any(finding.verdict is Verdict.FAILED for finding in found))


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = f"COPILOT_{'_'.join(str(part) for part in first['loc']).upper()}"
        raise ConfigurationError(str(first["msg"]), where=name) from None
