"""`copilot eval simulate`: customers and representatives that are not there, and the service that is."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli.eval_output import Bars, exit_status, print_outcomes
from copilot.config import Settings
from copilot.domain.errors import InvalidInput
from copilot.evaluation.simulation.names import Fault, Profile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from copilot.evaluation.outcome import SuiteOutcome
    from copilot.evaluation.simulation.run import MakeCustomer
    from copilot.evaluation.suites import LoadedSuite


def simulate(
    suite: Annotated[
        str | None, typer.Argument(help="A suite of the kind `simulation`, or its file.")
    ] = None,
    scenario: Annotated[Path | None, typer.Option(help="A scenario, or a folder of them.")] = None,
    profile: Annotated[
        list[Profile] | None, typer.Option(help="How the representative works; repeatable; none: all.")
    ] = None,
    fault: Annotated[
        list[Fault] | None, typer.Option(help="Planted in the service; repeatable; none: all.")
    ] = None,
    without_faults: Annotated[bool, typer.Option("--without-faults", help="Plant none.")] = False,
    llm_customer: Annotated[
        bool, typer.Option("--llm-customer", help="The configured language model plays the customer.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the representatives' moods.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many scenarios.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where report.json, report.html and junit.xml go.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The last line of stdout is one JSON object of the figures.")
    ] = False,
    evals: Annotated[
        Path, typer.Option("--evals", help="Where suites/ is.", envvar="COPILOT_EVALS_DIR")
    ] = Path("evals"),
) -> None:
    """Let customers with a goal write to the live service, and a representative with habits answer them.

    Scores whether bad suggestions are caught, and whether the shop is as it must be in the end. Exit status 1
    when a threshold fails (a whole suite only), or a conversation came to no end; 2 when input is bad.
    """
    from copilot.evaluation.report.write import report_of, write_reports  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.workbench import CACHE  # noqa: PLC0415

    settings = Settings()
    loaded = _loaded(suite, scenario, evals, whole=not (profile or fault or without_faults or limit))
    options = loaded.options.model_copy(update={"limit": limit or loaded.options.limit, "seed": seed})
    loaded = loaded.model_copy(update={"options": options})
    profiles = tuple(profile or Profile)
    faults = () if without_faults else tuple(fault or Fault)
    with Bars([loaded.suite.name]) as told:
        outcome = asyncio.run(_run(loaded, profiles, faults, settings, told, llm_customer=llm_customer))
    folder = out or settings.data_dir / CACHE / "reports" / "simulation"
    write_reports(report_of([outcome]), folder)
    print_outcomes([outcome], folder, as_json=as_json, bare=True)
    sys.exit(exit_status([outcome]))


async def _run(
    loaded: "LoadedSuite",
    profiles: tuple[Profile, ...],
    faults: tuple[Fault, ...],
    settings: Settings,
    told: Bars,
    *,
    llm_customer: bool,
) -> "SuiteOutcome":
    from copilot.evaluation.kinds.simulation import SimulationKind  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.runner import Runner  # noqa: PLC0415

    async with _customers(settings, llm=llm_customer) as make_customer:
        kind = SimulationKind(profiles=profiles, faults=faults, make_customer=make_customer)
        runner = Runner(None, lambda _: kind)
        return await runner.run(loaded, on_progress=lambda done, total: told(loaded.suite.name, done, total))


@asynccontextmanager
async def _customers(settings: Settings, *, llm: bool) -> "AsyncIterator[MakeCustomer]":
    from copilot.bootstrap.models import chat_model  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.simulation.customers import PlayedCustomer, ScriptedCustomer  # noqa: PLC0415

    if not llm:
        yield ScriptedCustomer
        return
    model = chat_model(settings)
    if model is None:
        raise InvalidInput("no language model is configured.", hint="Set COPILOT_LLM_BASE_URL.")
    try:
        yield lambda script: PlayedCustomer(model, script)
    finally:
        await model.close()


def _loaded(suite: str | None, scenario: Path | None, evals: Path, *, whole: bool) -> "LoadedSuite":
    from copilot.evaluation.kinds.kind import KindOptions  # noqa: PLC0415 - costs start-up time
    from copilot.evaluation.suites import bare_suite, load_suite, load_suites, named  # noqa: PLC0415

    if scenario is not None and suite is None:
        return bare_suite("simulation", KindOptions(data=scenario))
    if suite is None or scenario is not None:
        raise InvalidInput("there is nothing to simulate.", hint="Expected a SUITE, or --scenario PATH.")
    path = suite.endswith((".yaml", ".yml"))
    loaded = load_suite(Path(suite)) if path else named(load_suites(evals / "suites"), suite)
    if loaded.suite.kind != "simulation":
        raise InvalidInput(f"{loaded.suite.name} is a suite of the kind {loaded.suite.kind}.")
    return loaded if whole else bare_suite("simulation", loaded.options)
