"""Runs scenarios with every profile, on the service as it is and on one with a fault in it."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from copilot.config import Settings
from copilot.domain.conversation import Speaker
from copilot.domain.errors import CopilotError
from copilot.evaluation.kinds.cases import mean, rounded
from copilot.evaluation.kinds.kind import CaseResult, ToJudge
from copilot.evaluation.live_client import LiveClient
from copilot.evaluation.local_server import SERVE, LocalServer, local_server
from copilot.evaluation.metrics.metric import Sample, Utterance
from copilot.evaluation.simulation.customers import Customer, ScriptedCustomer
from copilot.evaluation.simulation.faults import with_wrong_amounts
from copilot.evaluation.simulation.names import Fault, Profile
from copilot.evaluation.simulation.profiles import Representative, used
from copilot.evaluation.simulation.scenario import CustomerScript, Scenario
from copilot.evaluation.simulation.session import Session, Simulation
from copilot.evaluation.simulation.shop_state import read_orders, restore, wrong_orders

FAULTY = ("copilot.cli.serve_faulty",)
HEALTHY = "none"
JUDGED = ("ragas.agent_goal_accuracy", "ragas.tool_call_accuracy")
_ALWAYS_SHOWN = {"interruption_cost": 0.0}
"""Otherwise one profile's habits would decide which drafts the next is shown."""

MakeCustomer = Callable[[CustomerScript], Customer]


async def simulate(
    scenarios: Sequence[Scenario],
    settings: Settings,
    system: Mapping[str, Any],
    *,
    profiles: Sequence[Profile] = tuple(Profile),
    faults: Sequence[Fault] = tuple(Fault),
    seed: int = 0,
    make_customer: MakeCustomer = ScriptedCustomer,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> list[CaseResult]:
    """A case for each scenario, profile and fault (none first). The shop is put back between profiles."""
    total, done = len(scenarios) * len(profiles) * (1 + len(faults)), 0

    def heard() -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    on_progress(0, total)
    found: list[CaseResult] = []
    with tempfile.TemporaryDirectory(prefix="copilot-simulation-") as name:
        place = Path(name)
        for fault in (None, *faults):
            data = place / (fault or HEALTHY)
            if fault is not None:  # what is embedded already need not be again
                await asyncio.to_thread(_copy, place / HEALTHY, data)
            async with _served(data, settings, system, fault) as server:
                found += await _played(
                    server, data / "shop.db", scenarios, profiles, fault, seed, make_customer, heard
                )
    return found


def _served(data: Path, settings: Settings, system: Mapping[str, Any], fault: Fault | None) -> Any:  # noqa: ANN401 - an async context manager of LocalServer
    knowledge = settings.knowledge_dir
    if fault is Fault.WRONG_AMOUNT:
        knowledge = with_wrong_amounts(knowledge, data.with_name("wrong-amounts"))
    serve = FAULTY if fault is Fault.INVENTED_NUMBER else SERVE
    return local_server(data, knowledge, {**_ALWAYS_SHOWN, **system, "order_system": "embedded"}, serve=serve)


def _copy(healthy: Path, data: Path) -> None:
    shutil.copytree(healthy, data, ignore=shutil.ignore_patterns("shop.db*", "kept.db"))


async def _played(
    server: LocalServer,
    shop: Path,
    scenarios: Sequence[Scenario],
    profiles: Sequence[Profile],
    fault: Fault | None,
    seed: int,
    make_customer: MakeCustomer,
    heard: Callable[[], None],
) -> list[CaseResult]:
    kept = shop.with_name("kept.db")
    await asyncio.to_thread(restore, kept, shop)
    found = []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(LiveClient.connect(server.address, server.representative))
        supervisor = await stack.enter_async_context(LiveClient.connect(server.address, server.supervisor))
        for profile in profiles:
            for scenario in scenarios:
                before = await asyncio.to_thread(read_orders, shop)
                person = Representative(profile, f"{seed}/{scenario.id}/{profile}")
                simulation = Simulation(scenario, make_customer(scenario.customer), person)
                case = CaseResult(
                    id=f"{scenario.id} {profile} {fault or HEALTHY}",
                    scores={},
                    slices={"profile": profile.value, "fault": fault or HEALTHY, "scenario": scenario.id},
                )
                try:
                    session = await simulation.run(client, supervisor)
                except CopilotError as error:
                    found.append(case.model_copy(update={"error": str(error)}))
                else:
                    after = await asyncio.to_thread(read_orders, shop)
                    wrong = wrong_orders(before, after, scenario.expected)
                    found.append(_scored(case, scenario, session, wrong))
                heard()
            await asyncio.to_thread(restore, shop, kept)
    return found


def _scored(case: CaseResult, scenario: Scenario, session: Session, wrong: Sequence[str]) -> CaseResult:
    let_through = [bad for bad in session.bad if bad.let_through]
    scores: dict[str, float | None] = {
        "state_right": float(not wrong),
        "caught": 1 - len(let_through) / len(session.bad) if session.bad else None,
        "nothing_bad_through": float(not let_through),
        "bad_suggestions": float(len(session.bad)),
        "drafts_sent": session.drafts_sent / session.answers if session.answers else None,
    }
    evidence = {
        "goal": scenario.customer.goal,
        "said": [f"{said.role}: {said.text}" for said in session.said],
        "done": list(session.done),
        "wrong in the shop": list(wrong),
        "bad suggestions": [
            f"{'LET THROUGH' if bad.let_through else 'caught'}: {bad.what} ({bad.fault})"
            for bad in session.bad
        ],
    }
    to_judge = _to_judge(case.id, scenario, session)
    return case.model_copy(update={"scores": scores, "evidence": evidence, "to_judge": to_judge})


def _to_judge(name: str, scenario: Scenario, session: Session) -> ToJudge:
    sample = Sample(
        id=name,
        reply=session.said[-1].text,
        said=tuple(Utterance(customer=s.speaker is Speaker.CUSTOMER, text=s.text) for s in session.said),
        goal=scenario.customer.goal,
        calls=session.calls,
        reference_calls=tuple(used(right.tool, right.amount) for right in scenario.right_actions),
    )
    return ToJudge(sample=sample, metrics=JUDGED)


def figures_of(cases: Sequence[CaseResult]) -> dict[str, float | None]:
    """By profile: the shop as it must be, with and without a fault; and of each fault the share caught."""
    figures: dict[str, float | None] = {}
    profiles = [p for p in Profile if any(case.slices["profile"] == p for case in cases)]
    faults = [f for f in Fault if any(case.slices["fault"] == f for case in cases)]
    for profile in profiles:
        figures[f"state_right_{profile}"] = mean(cases, "state_right", profile=profile, fault=HEALTHY)
    for fault in faults:
        for profile in profiles:
            figures[f"caught_{fault}_{profile}"] = _caught(cases, profile, fault)
            figures[f"state_right_{fault}_{profile}"] = mean(
                cases, "state_right", profile=profile, fault=fault
            )
    figures["bad_suggestions_without_fault"] = mean(cases, "bad_suggestions", fault=HEALTHY)
    figures["scenarios"] = float(len({case.slices["scenario"] for case in cases}))
    return rounded(figures)


def _caught(cases: Sequence[CaseResult], profile: str, fault: str) -> float | None:
    """Over the conversations in which there was something to catch."""
    return mean(cases, "caught", profile=profile, fault=fault)
