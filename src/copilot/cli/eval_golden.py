"""`copilot eval harvest` and `synthesize`: candidate cases, and a person's word on them."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli.eval_replay import finished_conversations
from copilot.config import Settings

if TYPE_CHECKING:
    from copilot.domain.knowledge import Refusal
    from copilot.evaluation.golden.candidates import CandidateCase, CaseStatus, Kept

_OUT = Path("evals/candidates.jsonl")
_ANSWERS = {"a": "accepted", "r": "rejected", "s": None, "q": None}


def build_harvest() -> typer.Typer:
    app = typer.Typer(help="Cases from life: what people used, changed and did not want.")
    app.callback(invoke_without_command=True)(harvest)
    app.command("review")(review)
    return app


def harvest(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option(help="JSON Lines; what is in it already stays, decisions included.")
    ] = _OUT,
) -> None:
    """Turn feedback and resolved conversations into candidate cases; personal data is masked."""
    if context.invoked_subcommand is not None:
        return
    from copilot.evaluation.golden.harvest import harvested  # noqa: PLC0415 - costs start-up time

    settings = Settings()
    found = harvested(asyncio.run(finished_conversations(settings)))
    _keep(settings, out, found, [])


def synthesize(
    out: Annotated[Path, typer.Option(help="JSON Lines; what is in it already stays, decisions included.")],
    knowledge: Annotated[
        Path | None, typer.Option(help="A folder of articles (COPILOT_KNOWLEDGE_DIR).")
    ] = None,
) -> None:
    """Make questions from a knowledge base, each with the passage that answers it, for a person to accept.

    The configured language model asks them; without one they are made from headings, in other words.
    """
    settings = Settings()
    refused: list[Refusal] = []
    found = asyncio.run(_synthesized(settings, knowledge or settings.knowledge_dir, refused))
    _keep(settings, out, found, refused)


def review(
    file: Annotated[Path, typer.Argument(help="What `harvest` or `synthesize` wrote.")],
    accept: Annotated[list[str] | None, typer.Option(help="The id of a case to accept; repeatable.")] = None,
    reject: Annotated[list[str] | None, typer.Option(help="The id of a case to reject; repeatable.")] = None,
) -> None:
    """Accept or reject candidate cases; the accepted ones are written as questions that the kinds read.

    Without --accept and --reject each case is shown and asked about: [a]ccept, [r]eject, [s]kip, [q]uit.
    """
    from copilot.evaluation.golden import candidates  # noqa: PLC0415 - costs start-up time

    cases, refused = candidates.read_candidates(file)
    accepted, rejected = candidates.CaseStatus.ACCEPTED, candidates.CaseStatus.REJECTED
    decisions = {**dict.fromkeys(accept or (), accepted), **dict.fromkeys(reject or (), rejected)}
    if not decisions:
        decisions = _asked([case for case in cases if case.status is candidates.CaseStatus.CANDIDATE])
    decided = candidates.decided(cases, decisions)
    if not refused:  # otherwise what cannot be read would be lost
        candidates.write_candidates(file, decided)
    target = candidates.write_accepted(file, decided)
    _print_refused(refused)
    counts = {status: sum(case.status is status for case in decided) for status in candidates.CaseStatus}
    print(", ".join(f"{n} {status}" for status, n in counts.items()) + f": {target}")
    if refused:
        raise typer.Exit(2)


def _asked(open_cases: "list[CandidateCase]") -> "dict[str, CaseStatus]":
    from rich.console import Console  # noqa: PLC0415 - costs start-up time

    from copilot.evaluation.golden.candidates import CaseStatus  # noqa: PLC0415

    console, decisions = Console(), dict[str, CaseStatus]()
    for number, case in enumerate(open_cases, start=1):
        console.print(f"\n{number} of {len(open_cases)}: {case.kind} {case.id}", markup=False, style="bold")
        shown = case.model_dump(exclude_none=True, exclude={"id", "kind", "status"})
        for name, value in shown.items():
            if value:
                console.print(f"  {name}: {value}", markup=False, highlight=False, soft_wrap=True)
        answer = ""
        while answer not in _ANSWERS:
            answer = typer.prompt("[a]ccept, [r]eject, [s]kip, [q]uit").strip().casefold()[:1]
        if answer == "q":
            break
        if (status := _ANSWERS[answer]) is not None:
            decisions[case.id] = CaseStatus(status)
    return decisions


def _keep(settings: Settings, out: Path, found: "list[CandidateCase]", refused: "list[Refusal]") -> None:
    from copilot.evaluation.golden import candidates  # noqa: PLC0415 - costs start-up time

    kept = asyncio.run(_with_new(settings, candidates.existing(out), found))
    candidates.write_candidates(out, kept.cases)
    _print_refused(refused)
    print(f"{kept.new} new candidates, {kept.repeated} known or alike: {out}")
    if refused:
        raise typer.Exit(2)


def _print_refused(refused: "list[Refusal]") -> None:
    for one in refused:
        print(f"refused: {one.source}: {one.reason} {one.hint}".rstrip())


async def _with_new(settings: Settings, known: "list[CandidateCase]", found: "list[CandidateCase]") -> "Kept":
    from copilot.bootstrap.models import open_embedder  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.golden.candidates import with_new  # noqa: PLC0415

    embedder = open_embedder(settings)
    try:
        return await with_new(known, found, embedder)
    finally:
        embedder.close()


async def _synthesized(settings: Settings, folder: Path, refused: "list[Refusal]") -> "list[CandidateCase]":
    from copilot.adapters.loaders.folder import FolderSource  # noqa: PLC0415 - costs start-up time
    from copilot.bootstrap.models import chat_model  # noqa: PLC0415
    from copilot.evaluation.golden.synthesize import ModelAsker, TemplateAsker, synthesized  # noqa: PLC0415

    model = chat_model(settings)
    try:
        asker = ModelAsker(model) if model is not None else TemplateAsker()
        return [case async for case in synthesized(FolderSource(folder), asker, refused)]
    finally:
        if model is not None:
            await model.close()
