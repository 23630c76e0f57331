"""`copilot eval`: scores of every part of the product, on our data or anyone's."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.cli import eval_golden, eval_replay, eval_simulate
from copilot.cli.eval_calibrate import calibrate
from copilot.cli.eval_output import Bars, exit_status, print_outcomes
from copilot.config import Settings
from copilot.domain.errors import InvalidInput

if TYPE_CHECKING:
    from copilot.evaluation.baselines import Baseline
    from copilot.evaluation.suites import LoadedSuite

EvalsFolder = Annotated[
    Path, typer.Option("--evals", help="Where suites/ and baselines/ are.", envvar="COPILOT_EVALS_DIR")
]
_EVALS = Path("evals")


def build_app() -> typer.Typer:
    app = typer.Typer(help="Evaluations: run them, compare them, gate on them.", no_args_is_help=True)
    app.command("run")(run)
    app.command("compare")(compare)
    app.command("list")(list_suites)
    app.command("baseline")(baseline)
    app.command("replay")(eval_replay.replay)
    app.command("export")(eval_replay.export)
    app.command("simulate")(eval_simulate.simulate)
    app.command("synthesize")(eval_golden.synthesize)
    app.add_typer(eval_golden.build_harvest(), name="harvest")
    app.command("calibrate")(calibrate)
    return app


def run(
    what: Annotated[str, typer.Argument(help="A suite, a suite's file, a kind (with --data), or `all`.")],
    data: Annotated[Path | None, typer.Option(help="Data in the kind's format.")] = None,
    train: Annotated[Path | None, typer.Option(help="What the system under test may learn from.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many cases.")] = None,
    seed: Annotated[int | None, typer.Option(help="Chooses the cases of --limit.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where report.json, report.html and junit.xml go.")] = None,
    against: Annotated[
        str | None, typer.Option("--baseline", help="A report.json, or a name in evals/baselines.")
    ] = None,
    judge: Annotated[str | None, typer.Option(help="The model that judges; none: `not run`.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The last line of stdout is one JSON object of the figures.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Suites that run at once, each in a process.")] = 1,
    tag: Annotated[str | None, typer.Option(help="Of `all`, only suites with this tag.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Recall nothing of earlier runs.")] = False,
    evals: EvalsFolder = _EVALS,
) -> None:
    """Score a suite, all suites, or any data of a kind; a killed run goes on where it stopped.

    Exit status 1 when a threshold fails, a score is significantly worse than the baseline's, or a case could
    not be scored; 2 when input is bad: a row that cannot be read is named, and the rest is scored.
    """
    from copilot.evaluation.kinds.registry import KINDS  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.parallel import run_suites  # noqa: PLC0415
    from copilot.evaluation.report.write import report_of, write_reports  # noqa: PLC0415
    from copilot.evaluation.workbench import CACHE  # noqa: PLC0415

    changes = {"train": train, "limit": limit, "seed": seed, "judge": judge}
    chosen = _chosen(what, data, tag, evals, {k: v for k, v in changes.items() if v is not None})
    baselines = _baselines(chosen, against, evals)
    settings = Settings()
    with Bars(loaded.suite.name for loaded in chosen) as told:
        outcomes = asyncio.run(run_suites(chosen, baselines, _cache(settings, fresh=fresh), told, jobs))
    report = report_of(outcomes)
    folder = out or settings.data_dir / CACHE / "reports" / (what if what in KINDS else Path(what).stem)
    write_reports(report, folder)
    print_outcomes(outcomes, folder, as_json=as_json, bare=what in KINDS and data is not None)
    sys.exit(exit_status(outcomes))


def compare(
    before: Annotated[str, typer.Argument(help="A report.json or its folder, or a name in evals/baselines.")],
    after: Annotated[str, typer.Argument(help="The same, of the later run.")],
    evals: EvalsFolder = _EVALS,
) -> None:
    """Compare two runs case by case (paired bootstrap, 95 %); exit status 1 when one is significantly worse.

    Which way is better is what the suite's `regressions` say; other scores are shown only.
    """
    from rich.console import Console  # noqa: PLC0415 - costs start-up time

    from copilot.evaluation.baselines import compared  # noqa: PLC0415
    from copilot.evaluation.report.table import print_differences  # noqa: PLC0415

    console, worse = Console(), []
    for found in compared(before, after, evals / "baselines", _directions(evals)):
        print_differences(console, f"{found.suite}: {before} → {after}", found.differences)
        worse += [f"{found.suite}: {name} is significantly worse" for name in found.worse]
    for line in worse:
        console.print(line, markup=False, style="red")
    sys.exit(1 if worse else 0)


def list_suites(evals: EvalsFolder = _EVALS) -> None:
    """List the suites, and the kinds that `copilot eval run KIND --data …` takes."""
    from rich.console import Console  # noqa: PLC0415 - costs start-up time
    from rich.table import Table  # noqa: PLC0415

    from copilot.evaluation.kinds.registry import KINDS  # noqa: PLC0415
    from copilot.evaluation.suites import load_suites  # noqa: PLC0415

    console = Console()
    console = console if console.is_terminal else Console(width=160)
    if (evals / "suites").is_dir():
        table = Table("suite", "kind", "tags", "what it scores", title="Suites")
        for loaded in load_suites(evals / "suites"):
            suite = loaded.suite
            table.add_row(suite.name, suite.kind, ", ".join(suite.tags), suite.title)
        console.print(table)
    table = Table("kind", "what it scores", title="Kinds")
    for name, entry in KINDS.items():
        table.add_row(name, entry.scores)
    console.print(table)


def baseline(
    report: Annotated[Path, typer.Argument(help="A report.json, or the folder it is in.")],
    evals: EvalsFolder = _EVALS,
) -> None:
    """Keep a report's scores as the baselines of its suites, to be committed."""
    from copilot.evaluation.baselines import write_baseline  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.outcome import read_report  # noqa: PLC0415

    for outcome in read_report(report).suites:
        if outcome.problem is not None or outcome.errors:
            why = outcome.problem or f"{len(outcome.errors)} cases have no score"
            raise InvalidInput(f"{outcome.suite} is no baseline: {why}.", where=str(report))
        print(write_baseline(outcome, evals / "baselines"))


# ---------------------------------------------------------------- what a run needs, and shows


def _chosen(
    what: str, data: Path | None, tag: str | None, evals: Path, changes: dict[str, Any]
) -> "list[LoadedSuite]":
    from copilot.evaluation.kinds.kind import KindOptions  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.kinds.registry import KINDS  # noqa: PLC0415
    from copilot.evaluation.suites import bare_suite, load_suite, load_suites, named, with_data  # noqa: PLC0415

    if what in KINDS:
        if data is None:
            raise InvalidInput(f"{what} is a kind.", hint="Expected --data with something for it to score.")
        return [bare_suite(what, KindOptions(data=data, **changes))]
    if what == "all":
        suites = [s for s in load_suites(evals / "suites") if tag is None or tag in s.suite.tags]
        if not suites:
            raise InvalidInput(f"no suite has the tag {tag!r}.", where=str(evals / "suites"))
    elif what.endswith((".yaml", ".yml")):
        suites = [load_suite(Path(what))]
    else:
        suites = [named(load_suites(evals / "suites"), what)]
    if data is not None:
        suites = [with_data(loaded, data) for loaded in suites]
    return [s.model_copy(update={"options": s.options.model_copy(update=changes)}) for s in suites]


def _baselines(chosen: "list[LoadedSuite]", reference: str | None, evals: Path) -> "dict[str, Baseline]":
    from copilot.evaluation.baselines import find_baselines, read_baselines  # noqa: PLC0415

    if reference is not None:
        return find_baselines(reference, evals / "baselines")
    found: dict[str, Baseline] = {}
    for loaded in chosen:
        if loaded.baseline is not None:
            found |= read_baselines(loaded.baseline)
    return found


def _cache(settings: Settings, *, fresh: bool) -> Any:  # noqa: ANN401 - its type costs start-up time
    from copilot.evaluation.cache import ResultCache  # noqa: PLC0415

    return None if fresh else ResultCache.within(settings.data_dir)


def _directions(evals: Path) -> dict[str, Any]:
    from copilot.evaluation.suites import load_suites  # noqa: PLC0415

    if not (evals / "suites").is_dir():
        return {}
    return {loaded.suite.name: loaded.suite.regressions for loaded in load_suites(evals / "suites")}
