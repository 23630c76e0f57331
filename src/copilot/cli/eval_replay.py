"""`copilot eval replay`: what another prompt, model, knowledge or threshold would have changed."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli.eval_output import Bars, exit_status, print_outcomes
from copilot.config import Settings
from copilot.domain.errors import InvalidInput

if TYPE_CHECKING:
    from copilot.domain.archive import FinishedConversation
    from copilot.domain.knowledge import Refusal
    from copilot.domain.recording import RecordedConversation


def replay(
    candidate: Annotated[Path, typer.Option(help="YAML that names what differs from the present system.")],
    conversations: Annotated[
        list[Path] | None,
        typer.Option(help="Recorded conversations (YAML), folders of them, or exports (.jsonl); repeatable."),
    ] = None,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Also the wrapped-up conversations of this deployment.")
    ] = False,
    present: Annotated[
        Path | None, typer.Option(help="A file like --candidate; without it, the environment's settings.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many conversations.")] = None,
    seed: Annotated[int, typer.Option(help="Chooses the conversations of --limit.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Where report.json, report.html and junit.xml go.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The last line of stdout is one JSON object of the figures.")
    ] = False,
) -> None:
    """Play finished conversations against the present system and a candidate, blind to what was answered.

    Exit status 1 when the candidate is significantly worse (paired bootstrap over conversations, 95 %) in a
    score that gates a release; 2 when input is bad: what cannot be read is named, and the rest is played.
    """
    from copilot.evaluation.kinds.rows import sample  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.replay import run  # noqa: PLC0415
    from copilot.evaluation.replay.candidate import PRESENT, load_candidate  # noqa: PLC0415
    from copilot.evaluation.report.write import report_of, write_reports  # noqa: PLC0415
    from copilot.evaluation.workbench import CACHE  # noqa: PLC0415

    settings = Settings()
    other = load_candidate(candidate)
    now = load_candidate(present) if present is not None else PRESENT
    if other.name == now.name:
        raise InvalidInput(f"both systems are called {other.name!r}.", where=str(candidate))
    found, refused = _conversations(conversations or [], settings, from_store=from_store)
    chosen = sample(found, limit, seed)
    with Bars([now.name, other.name]) as told:
        outcome = asyncio.run(
            run.replay(
                chosen,
                other,
                now,
                refused=refused,
                shop=run.present_shop(settings) if from_store else None,
                data=", ".join([*map(str, conversations or []), *(["the store"] if from_store else [])]),
                on_played=told,
            )
        )
    folder = out or settings.data_dir / CACHE / "reports" / f"replay-{other.name}"
    write_reports(report_of([outcome]), folder)
    print_outcomes([outcome], folder, as_json=as_json, bare=True)
    sys.exit(exit_status([outcome]))


def export(
    file: Annotated[Path, typer.Argument(help="JSON Lines; an existing file is replaced.")],
) -> None:
    """Write the wrapped-up conversations of this deployment, with what was shown and what became of it.

    The file holds customers' data as it was said: keep it as you keep the database.
    """
    finished = asyncio.run(finished_conversations(Settings()))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{one.model_dump_json()}\n" for one in finished), encoding="utf-8")
    print(f"{len(finished)} conversations: {file}")


def _conversations(
    paths: list[Path], settings: Settings, *, from_store: bool
) -> "tuple[list[RecordedConversation], list[Refusal]]":
    from copilot.evaluation.kinds.rows import nothing_to_score  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.replay.finished import as_recording, read_conversations  # noqa: PLC0415

    if not paths and not from_store:
        raise InvalidInput(
            "there is nothing to play.", hint="Expected --conversations PATH, or --from-store."
        )
    found, refused = read_conversations(paths)
    if from_store:
        found += [
            as_recording(one)
            for one in asyncio.run(finished_conversations(settings))
            if one.conversation.turns
        ]
    if not found:
        where = paths[0] if paths else settings.database_path
        raise nothing_to_score(where, refused, "conversations that are over")
    return found, refused


async def finished_conversations(settings: Settings) -> "list[FinishedConversation]":
    """All of this deployment's that are wrapped up."""
    from copilot.adapters.sql.conversation_archive import SqlConversationArchive  # noqa: PLC0415
    from copilot.bootstrap import open_state  # noqa: PLC0415
    from copilot.evaluation.replay.finished import finished_in_store  # noqa: PLC0415

    if settings.database_url is None and not settings.database_path.is_file():
        raise InvalidInput(
            "there is no database.", where=str(settings.database_path), hint="Set COPILOT_DATA_DIR."
        )
    async with open_state(settings) as state:
        return await finished_in_store(SqlConversationArchive(state.database), settings.tenant)
