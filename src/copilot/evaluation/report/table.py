"""The end of a run in a terminal: a line a figure, and what does not hold."""

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from copilot.evaluation.judges.endpoint import JudgeRecord
from copilot.evaluation.outcome import SuiteOutcome, Verdict
from copilot.evaluation.significance import Difference

_MOST_REFUSED = 10


def print_outcome(console: Console, outcome: SuiteOutcome) -> None:
    """Text of cases and files is untrusted: none of it is markup."""
    mark = "[green]passed[/]" if outcome.passed else "[bold red]FAILED[/]"
    console.print(f"\n[bold]{escape(outcome.suite)}[/] {escape(outcome.title)} · {mark}")
    if outcome.problem is not None:
        console.print(f"  could not run: {outcome.problem}", markup=False, style="red")
        return
    console.print(_figures(outcome))
    recalled = f", {outcome.recalled} recalled from an earlier run" if outcome.recalled else ""
    errors = f", {len(outcome.errors)} without a score" if outcome.errors else ""
    console.print(
        f"  {len(outcome.cases)} cases{errors}{recalled}, {len(outcome.refused)} rows refused, "
        f"{outcome.seconds:.1f} s",
        highlight=False,
    )
    for refusal in outcome.refused[:_MOST_REFUSED]:
        line = f"  refused: {refusal.source}: {refusal.reason} {refusal.hint}".rstrip()
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(outcome.refused) > _MOST_REFUSED:
        console.print(f"  … and {len(outcome.refused) - _MOST_REFUSED} more")
    if outcome.judge is not None:
        console.print(f"  {judge_line(outcome.judge)}", markup=False, highlight=False, soft_wrap=True)
    for why in dict.fromkeys(outcome.not_run.values()):
        names = ", ".join(name for name, reason in outcome.not_run.items() if reason == why)
        line = f"  not run: {names}: {why}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for note in outcome.notes:
        console.print(f"  note: {note}", markup=False, highlight=False, soft_wrap=True)
    for verdict in outcome.verdicts:
        if not verdict.passed:
            line = f"  {verdict.check} {verdict.name}: {verdict.measured}, expected {verdict.expected}"
            console.print(line, markup=False, highlight=False, style="red", soft_wrap=True)


def judge_line(record: JudgeRecord) -> str:
    """Who judged, how, and what it took; what an earlier run asked costs nothing again."""
    return (
        f"judge {record.model} at {record.endpoint}, seed {record.seed}, temperature {record.temperature:g}, "
        f"instructions {record.system_sha256}: {record.calls} calls, {record.tokens} tokens, "
        f"${record.dollars:g}"
    )


def print_differences(console: Console, title: str, found: Mapping[str, Difference]) -> None:
    """Scores of two runs over the cases they share."""
    table = Table("score", "before", "after", "change", "95 % of it", "cases", title=title)
    for name, d in found.items():
        style = "" if not d.significant else "bold"
        table.add_row(
            escape(name),
            f"{d.before:.4g}",
            f"{d.after:.4g}",
            f"{d.change:+.4g}",
            f"{d.low:+.4g} to {d.high:+.4g}",
            str(d.cases),
            style=style,
        )
    console.print(table)


def _figures(outcome: SuiteOutcome) -> Table:
    before = outcome.figures_before
    columns = ["figure", "value", *(["before"] if before else []), "must be", ""]
    table = Table(*columns, box=None, pad_edge=True, header_style="dim")
    held = {v.name: v for v in outcome.verdicts if v.check == "threshold"}
    for name, value in _with_thresholds(outcome):
        verdict = held.get(name)
        failed = outcome.failures.get(name)
        cells = [escape(name), "not run" if value is None else f"{value:.4g}"]
        if failed is not None:
            cells[-1] += f" [red]{failed}[/]"
        if before:
            old = before.get(name)
            cells.append("" if old is None else f"{old:.4g}")
        table.add_row(*cells, verdict.expected if verdict else "", _mark(verdict))
    return table


def _with_thresholds(outcome: SuiteOutcome) -> Iterator[tuple[str, float | None]]:
    """The shown figures, and those that a threshold is on."""
    yield from outcome.shown.items()
    for name in outcome.thresholds:
        if name not in outcome.shown:
            yield name, outcome.figures.get(name)


def _mark(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    return "[green]✓[/]" if verdict.passed else "[bold red]✗[/]"
