"""`copilot ingest`: documents from disk, websites, help centres and feeds into a tenant's knowledge."""

import asyncio
import gc
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from copilot.config import BulkEngine, Settings
from copilot.domain.errors import InvalidInput

if TYPE_CHECKING:
    from copilot.bootstrap import Intake
    from copilot.domain.ingest import IngestProgress, IngestReport
    from copilot.domain.knowledge import KnowledgeDocument, Passage
    from copilot.retrieval.ingest import Outcome

_NAMED = 20
"""Documents of a kind that a report names."""
_ZENDESK_SECRET = "COPILOT_ZENDESK_SECRET"  # noqa: S105 - the variable's name

Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="Folders, files and zip archives, each a source of its own.", show_default=False),
]
Urls = Annotated[list[str] | None, typer.Option("--url", help="A web page; may be given again.")]
Sitemaps = Annotated[list[str] | None, typer.Option("--sitemap", help="A website, by its sitemap.")]
Zendesk = Annotated[
    str | None,
    typer.Option(help=f"A help centre's address (key in {_ZENDESK_SECRET}), or a file that describes it."),
]
Chatwoot = Annotated[Path | None, typer.Option(help="A file that describes a Chatwoot portal.")]
Feed = Annotated[Path | None, typer.Option(help="A file that describes a JSON feed.")]
Source = Annotated[
    list[str] | None, typer.Option("--source", help="A source described in the folder `sources`, by name.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write and embed nothing.")]
Engine = Annotated[
    BulkEngine, typer.Option(help="What embeds: this process, or a Ray cluster (extra `ray`).")
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="HOST:PORT of the cluster's head node; COPILOT_RAY_ADDRESS, or else this machine alone.",
        show_default=False,
    ),
]
Preview = Annotated[
    bool, typer.Option("--preview", help="Print the passages as the index would see them; a dry run too.")
]


def ingest(
    paths: Paths = None,
    url: Urls = None,
    sitemap: Sitemaps = None,
    zendesk: Zendesk = None,
    chatwoot: Chatwoot = None,
    feed: Feed = None,
    source: Source = None,
    *,
    dry_run: DryRun = False,
    preview: Preview = False,
    engine: Engine = BulkEngine.LOCAL,
    ray_address: RayAddress = None,
) -> None:
    """Make the knowledge equal to each source: new and changed documents in, missing ones out.

    What cannot be read is refused one by one, the rest goes in; then the exit status is 2. A folder may hold
    playbooks/ and policies/ beside its documents. Remote sources lose documents only after a whole reading.
    """
    settings = Settings()
    if ray_address is not None:
        settings = settings.model_copy(update={"ray_address": ray_address})
    intakes = [
        *_local(paths or []),
        *_pages(url or [], "urls"),
        *_pages(sitemap or [], "sitemaps"),
        *_described(zendesk, chatwoot, feed, source or [], settings),
    ]
    if not intakes:
        raise InvalidInput("there is nothing to ingest.", hint="Name a folder, file, --url or --sitemap.")
    work = (
        _plan(settings, intakes, preview=preview) if dry_run or preview else _store(settings, intakes, engine)
    )
    reports = asyncio.run(work)
    for label, report in reports:
        if len(reports) > 1:
            print(f"\n{label}")
        if dry_run or preview:
            print("This is what would happen:")
        print_report(report, names=_NAMED)
    sys.exit(2 if any(report.refused for _, report in reports) else 0)


async def ingest_with_progress(settings: Settings, folder: Path) -> "IngestReport":
    """Ingests one folder with a progress bar where there is a terminal."""
    ((_, report),) = await _store(settings, _local([folder]))
    return report


def print_report(report: "IngestReport", *, names: int = 0) -> None:
    """What was added, changed, unchanged, removed, kept out and refused, and why; `names` of each kind."""
    print(
        f"{len(report.added)} added, {len(report.changed)} changed, {len(report.unchanged)} unchanged, "
        f"{len(report.removed)} removed; {report.passages} passages, {report.embedded} embedded."
    )
    for kind, documents in (
        ("added", report.added),
        ("changed", report.changed),
        ("removed", report.removed),
    ):
        for document in documents[:names]:
            print(f"{kind}: {document}")
        if names and len(documents) > names:
            print(f"{kind}: … and {len(documents) - names} more")
    for line in report.quarantined:
        print(f"kept out of search: {line}")
    for rule in report.needs_review:
        print(f"needs review: {rule} (sign again with `copilot policy sign`)")
    for refusal in report.refused:
        print(f"refused: {refusal.source}: {refusal.reason} {refusal.hint}".rstrip())


def _local(paths: Sequence[Path]) -> "list[Intake]":
    from copilot.bootstrap import Intake  # noqa: PLC0415 - costs start-up time

    for path in paths:
        if not path.exists():
            raise InvalidInput(
                "there is no such folder or file.", hint="Expected documents.", where=str(path)
            )
    return [Intake(str(path), path.resolve()) for path in paths]


def _pages(addresses: Sequence[str], kind: str) -> "list[Intake]":
    return [
        _intake({"kind": "pages", "name": _name(address), kind: [address]}, address) for address in addresses
    ]


def _described(
    zendesk: str | None, chatwoot: Path | None, feed: Path | None, names: Sequence[str], settings: Settings
) -> "Iterator[Intake]":
    if zendesk is not None and zendesk.startswith(("https://", "http://")):
        described: dict[str, Any] = {"kind": "zendesk", "name": _name(zendesk), "url": zendesk}
        if os.environ.get(_ZENDESK_SECRET):
            described["secret_env"] = _ZENDESK_SECRET
        yield _intake(described, zendesk)
    elif zendesk is not None:
        yield _from_file(Path(zendesk), "zendesk")
    if chatwoot is not None:
        yield _from_file(chatwoot, "chatwoot")
    if feed is not None:
        yield _from_file(feed, "feed")
    for name in names:
        yield _from_file(settings.source_descriptions / f"{name}.yaml", None)


def _from_file(path: Path, kind: str | None) -> "Intake":
    from copilot.adapters.sources.settings import FolderSettings, load_source  # noqa: PLC0415
    from copilot.bootstrap import Intake  # noqa: PLC0415

    described = load_source(path)
    if kind is not None and described.kind != kind:
        raise InvalidInput(
            f"the file describes a source of the kind {described.kind}.",
            hint=f"Expected {kind}.",
            where=str(path),
        )
    if isinstance(described, FolderSettings):
        return Intake(described.name, (path.parent / described.path).resolve())
    return Intake(described.name, described)


def _intake(values: dict[str, Any], label: str) -> "Intake":
    from copilot.adapters.sources.settings import describe_source  # noqa: PLC0415 - costs start-up time
    from copilot.bootstrap import Intake  # noqa: PLC0415

    return Intake(label, describe_source(values, where=label))


def _name(address: str) -> str:
    """A name that this address always gets: its host, its last words, and a short hash."""
    parts = urlsplit(address)
    words = re.sub(r"[^a-z0-9.]+", "-", f"{parts.hostname or ''}{parts.path}".lower()).strip("-.")
    return f"{words[:80] or 'web'}-{hashlib.sha256(address.encode()).hexdigest()[:6]}"


async def _store(
    settings: Settings, intakes: "Sequence[Intake]", engine: BulkEngine = BulkEngine.LOCAL
) -> "list[tuple[str, IngestReport]]":
    from copilot.bootstrap import ingest_intake, open_knowledge, open_state  # noqa: PLC0415

    reports = []
    with _bar() as (move, name):
        async with (
            open_state(settings) as state,
            open_knowledge(settings, state.database, engine=engine) as knowledge,
        ):
            # What is loaded now stays: looking through it for garbage again and again holds the model up.
            gc.freeze()
            for intake in intakes:
                report = await ingest_intake(settings, knowledge, intake, move, name)
                reports.append((intake.label, report))
            name("Knowledge, playbooks and policies are ready")
    return reports


async def _plan(
    settings: Settings, intakes: "Sequence[Intake]", *, preview: bool
) -> "list[tuple[str, IngestReport]]":
    from copilot.bootstrap import open_planning, plan_intake  # noqa: PLC0415 - costs start-up time

    reports = []
    with _bar() as (move, name):
        async with open_planning(settings) as planning:
            for intake in intakes:
                name(f"Comparing {intake.label}")
                shown = _print_document if preview else None
                reports.append((intake.label, await plan_intake(settings, planning, intake, move, shown)))
            name("Nothing was changed")
    return reports


def _print_document(document: "KnowledgeDocument", outcome: "Outcome", passages: "Sequence[Passage]") -> None:
    internal = " · internal" if document.audience == "internal" else ""
    kept_out = f" · kept out of search: {document.quarantined}" if document.quarantined else ""
    print(
        f"\n{document.title} "
        f"({document.external_id} v{document.version}{internal}, {outcome.value}{kept_out})"
    )
    for number, passage in enumerate(passages, start=1):
        place = " › ".join(passage.heading_path) or "(no heading)"
        page = f" · page {passage.page}" if passage.page is not None else ""
        print(f"  {number}. {place} · {passage.token_count} tokens{page}")
        print("     " + passage.text.replace("\n", "\n     "))


@contextmanager
def _bar() -> "Iterator[tuple[Callable[[IngestProgress], None], Callable[[str], None]]]":
    """A progress bar on stderr: what moves it, and what says what is being done."""
    from rich.console import Console  # noqa: PLC0415 - costs start-up time
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Opening the database and the model", total=None)

        def move(progress: "IngestProgress") -> None:
            bar.update(task, completed=progress.done, total=progress.total)

        def name(stage: str) -> None:
            bar.update(task, description=stage)

        yield move, name
