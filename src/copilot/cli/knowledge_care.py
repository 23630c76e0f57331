"""`copilot knowledge`: what is wrong with it, what is missing, who relied on it, what is kept out."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.config import Settings
from copilot.domain.errors import InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from copilot.domain.care import (
        Finding,
        GapCluster,
        GapStatus,
        Impact,
        LintCheck,
        LintProgress,
        LintReport,
        Place,
    )
    from copilot.domain.knowledge import KnowledgeDocument

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]
Document = Annotated[str, typer.Argument(metavar="DOC", help="The document's id.")]
Version = Annotated[str | None, typer.Option("--version", help="One version.")]
Name = Annotated[str, typer.Option(help="Who decides; it stands in the ledger.")]
_PAGE = 200
_COLOURS = {"error": "red", "warning": "yellow", "notice": "cyan"}


def build_app() -> typer.Typer:
    app = typer.Typer(help="Look after the knowledge.", no_args_is_help=True)
    app.command("lint")(lint)
    app.command("gaps")(gaps)
    app.command("impact")(impact)
    app.command("release")(release)
    app.command("quarantine")(quarantine)
    return app


# ---------------------------------------------------------------- lint


def lint(
    *,
    as_json: AsJson = False,
    strict: Annotated[bool, typer.Option(help="Exit status 1 when there is an error.")] = False,
    check: Annotated[list[str] | None, typer.Option(help="Only this check; may be repeated.")] = None,
    check_links: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Follow links to this host too; may be repeated."),
    ] = None,
    uncited_days: Annotated[
        int, typer.Option(min=1, help="How old a document is that something should have cited.")
    ] = 30,
) -> None:
    """Find what is wrong: contradictions, copies, stale pages, dead links, suspected injections, and more."""
    from copilot.domain.care import LintCheck, Severity  # noqa: PLC0415 - costs start-up time

    known = {kind.value: kind for kind in LintCheck}
    for name in check or ():
        if name not in known:
            raise InvalidInput(f"there is no check {name!r}.", hint=f"There are {', '.join(known)}.")
    checks = frozenset(known[name] for name in check) if check else frozenset(LintCheck)
    report = asyncio.run(_lint(Settings(), checks, check_links or [], timedelta(days=uncited_days)))
    if as_json:
        print(report.model_dump_json(indent=2))
    else:
        _print_report(report)
    sys.exit(1 if strict and report.count(Severity.ERROR) else 0)


async def _lint(
    settings: Settings, checks: "frozenset[LintCheck]", hosts: Sequence[str], uncited_after: timedelta
) -> "LintReport":
    from copilot.adapters.sources.link_check import LinkChecker  # noqa: PLC0415 - costs start-up time
    from copilot.bootstrap import open_reading_care  # noqa: PLC0415

    checker = LinkChecker(hosts) if hosts else None
    try:
        with _bar() as move:
            async with open_reading_care(settings) as care:
                return await care.lint.run(
                    settings.tenant,
                    checks=checks,
                    check_link=checker,
                    uncited_after=uncited_after,
                    on_progress=move,
                )
    finally:
        if checker is not None:
            checker.close()


@contextmanager
def _bar() -> "Iterator[Callable[[LintProgress], None]]":
    """On stderr."""
    from rich.console import Console  # noqa: PLC0415 - costs start-up time
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Opening the database and the model", total=None)

        def move(progress: "LintProgress") -> None:
            bar.update(
                task,
                description=progress.step.capitalize(),
                completed=progress.done,
                total=progress.total or None,
            )

        yield move


def _print_report(report: "LintReport") -> None:
    from copilot.domain.care import LintCheck, Severity  # noqa: PLC0415 - costs start-up time

    for kind in LintCheck:
        found = [finding for finding in report.findings if finding.check is kind]
        if found:
            _print(_findings_table(f"{kind.value.replace('_', ' ')} ({len(found)})", found))
        if kind in report.skipped:
            print(f"{kind.value.replace('_', ' ')}: not checked, {report.skipped[kind]}.")
    counts = ", ".join(f"{report.count(severity)} {severity.value}s" for severity in Severity)
    print(f"{report.documents} documents, {report.passages} passages: {counts}.")


def _findings_table(title: str, findings: "Sequence[Finding]") -> "Table":
    """Two places side by side; a third and more are counted."""
    table = _table(title, "", "what", "where", "and where")
    for finding in findings:
        shown = [_place(place) for place in finding.places[:2]]
        if len(finding.places) > 2:  # noqa: PLR2004
            shown[1] += f"\n… and {len(finding.places) - 2} more"
        colour = _COLOURS[finding.severity.value]
        table.add_row(
            f"[{colour}]{finding.severity.value}[/{colour}]",
            _plain(finding.message),
            *shown,
            *[""] * (2 - len(shown)),
        )
    return table


def _place(place: "Place") -> str:
    where = " › ".join([f"{place.external_id} v{place.version}", *place.heading_path[-1:]])
    return _plain(where) + (f"\n[dim]{_plain(_short(place.text))}[/dim]" if place.text else "")


# ---------------------------------------------------------------- gaps


def gaps(
    *,
    as_json: AsJson = False,
    every: Annotated[bool, typer.Option("--all", help="Those dealt with too.")] = False,
    answered: Annotated[str | None, typer.Option(metavar="GAP", help="Say that it is answered.")] = None,
    dismiss: Annotated[str | None, typer.Option(metavar="GAP", help="Say that it needs no answer.")] = None,
    reopen: Annotated[str | None, typer.Option(metavar="GAP", help="Say that it is open after all.")] = None,
    name: Name = "command line",
) -> None:
    """List the questions that nothing answered, like ones together, asked most often first."""
    from copilot.domain.care import GapStatus  # noqa: PLC0415 - costs start-up time

    asked = {GapStatus.ANSWERED: answered, GapStatus.DISMISSED: dismiss, GapStatus.OPEN: reopen}
    changes = {gap: status for status, gap in asked.items() if gap is not None}
    found = asyncio.run(_gaps(Settings(), changes, name, None if every else GapStatus.OPEN))
    if as_json:
        print("[" + ",\n".join(cluster.model_dump_json() for cluster in found) + "]")
        return
    table = _table(f"unanswered questions ({len(found)})", "id", "asked", "question", "what is there")
    for cluster in found:
        last = f"{cluster.count} times\nlast {cluster.last_asked_at:%Y-%m-%d}"
        others = [text for text in cluster.questions if text != cluster.question][:2]
        said = "\n".join([cluster.question, *(f"[dim]{_plain(text)}[/dim]" for text in others)])
        raised = f"[dim]in {', '.join(cluster.conversation_ids[:2])}[/dim]"
        table.add_row(cluster.id, last, f"{said}\n{raised}", _answer(cluster))
    _print(table)


async def _gaps(
    settings: Settings, changes: "dict[str, GapStatus]", name: str, status: "GapStatus | None"
) -> "list[GapCluster]":
    from copilot.bootstrap import open_reading_care  # noqa: PLC0415 - costs start-up time

    async with open_reading_care(settings) as care:
        for gap, changed in changes.items():
            await care.gaps.set_status(settings.tenant, gap, changed, name)
        found: list[GapCluster] = []
        after: str | None = None
        while page := await care.gaps.list_clusters(settings.tenant, status=status, after=after, limit=_PAGE):
            found += page
            after = page[-1].id
        return found


def _answer(cluster: "GapCluster") -> str:
    from copilot.domain.care import GapStatus  # noqa: PLC0415 - costs start-up time

    if cluster.status is not GapStatus.OPEN:
        return f"{cluster.status.value} by {_plain(cluster.changed_by or '')}"
    if cluster.answered_by:
        best = cluster.answered_by[0]
        return (
            f"[green]now answered by[/green] {best.external_id} v{best.version}\n{_plain(_short(best.text))}"
        )
    return (
        "\n".join(f"{near.external_id} ({near.confidence:.0%})" for near in cluster.nearest) or "nothing near"
    )


# ---------------------------------------------------------------- impact


def impact(document: Document, *, version: Version = None, as_json: AsJson = False) -> None:
    """Show who relied on a document: replies that cited it, open conversations, rules that name it."""
    found = asyncio.run(_impact(Settings(), document, version))
    if as_json:
        print(found.model_dump_json(indent=2))
        return
    present = f"v{found.present_version} is in force" if found.present_version else "no version is in force"
    if found.replies:
        table = _table(f"sent replies that cite {document}", "when", "conversation", "sentence", "quote")
        for reply in found.replies:
            for sentence in reply.sentences:
                table.add_row(
                    f"{reply.at:%Y-%m-%d %H:%M}\n{reply.verdict.value}",
                    reply.conversation_id,
                    _plain(sentence.text),
                    _quote(sentence.quote, sentence.version, stands=sentence.still_stands),
                )
        _print(table)
    if found.open_conversations:
        table = _table("open conversations that rely on it", "conversation", "shown in", "quote")
        for relying in found.open_conversations:
            quotes = [_quote(s.quote, s.version, stands=s.still_stands) for s in relying.sentences]
            table.add_row(relying.conversation_id, ", ".join(relying.shown_in), "\n".join(quotes))
        _print(table)
    for named in found.named_in:
        print(f"{named.kind} {named.id} ({named.title}){f': {named.clause}' if named.clause else ''}")
    print(
        f"{document}: {present}. {len(found.replies)}{'+' if found.more else ''} replies cite it, "
        f"{len(found.outdated)} of them with a quote that does not stand any more; "
        f"{len(found.open_conversations)} open conversations rely on it, "
        f"{len(found.named_in)} rules and texts name it."
    )


async def _impact(settings: Settings, document: str, version: str | None) -> "Impact":
    from copilot.bootstrap import open_impact  # noqa: PLC0415 - costs start-up time

    async with open_impact(settings) as found:
        return await found.of(settings.tenant, document, version)


def _quote(quote: str, version: str, *, stands: bool) -> str:
    mark = "[green]stands[/green]" if stands else "[red]gone[/red]"
    return f"{mark} v{version}: {_plain(_short(quote))}"


# ---------------------------------------------------------------- release and quarantine


def release(
    document: Document,
    name: Name,
    version: Version = None,
    reason: Annotated[str, typer.Option(help="Why it may be searched after all.")] = "",
) -> None:
    """Take a document into search that was kept out of it, with the text that it has now."""
    done = asyncio.run(_decide(Settings(), document, version, name, reason, released=True))
    print(f"{done.external_id} v{done.version} is in search.")


def quarantine(
    document: Document,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why it is kept out of search.")],
    version: Version = None,
) -> None:
    """Keep a document out of search, whatever its text becomes, until it is released."""
    done = asyncio.run(_decide(Settings(), document, version, name, reason, released=False))
    print(f"{done.external_id} v{done.version} is kept out of search.")


async def _decide(
    settings: Settings, document: str, version: str | None, name: str, reason: str, *, released: bool
) -> "KnowledgeDocument":
    from copilot.bootstrap import open_quarantine  # noqa: PLC0415 - costs start-up time

    async with open_quarantine(settings) as kept_out:
        decide = kept_out.release if released else kept_out.quarantine
        return await decide(settings.tenant, document, version, by=name, reason=reason)


# ---------------------------------------------------------------- showing


def _table(title: str, *columns: str) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - costs start-up time

    table = Table(title=title, title_justify="left", show_lines=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(shown: Any) -> None:  # noqa: ANN401 - whatever rich can show
    from rich.console import Console  # noqa: PLC0415 - costs start-up time

    console = Console()
    console.print(shown)


def _plain(text: str) -> str:
    """Knowledge is data: nothing in it is markup."""
    from rich.markup import escape  # noqa: PLC0415 - costs start-up time

    return escape(text)


def _short(text: str, longest: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
