"""`simulation`: customers with goals, representatives with habits, and the live service between them."""

from collections.abc import Sequence

from copilot.evaluation.kinds.kind import KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import nothing_to_score, sample
from copilot.evaluation.simulation.customers import ScriptedCustomer
from copilot.evaluation.simulation.names import Fault, Profile
from copilot.evaluation.simulation.run import JUDGED, MakeCustomer, figures_of, simulate
from copilot.evaluation.simulation.scenario import load_scenarios
from copilot.evaluation.workbench import settings_for


class SimulationKind:
    """Whether bad suggestions are caught, and whether the shop is as it must be in the end."""

    name = "simulation"

    def __init__(
        self,
        *,
        profiles: Sequence[Profile] = tuple(Profile),
        faults: Sequence[Fault] = tuple(Fault),
        make_customer: MakeCustomer = ScriptedCustomer,
    ) -> None:
        self._profiles = profiles
        self._faults = faults
        self._make_customer = make_customer

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        scenarios, refused = load_scenarios([options.data])
        scenarios = sample(scenarios, options.limit, options.seed)
        if not scenarios:
            raise nothing_to_score(options.data, refused, "a scenario (YAML), or a folder of them")
        settings = settings_for(options.system)
        cases = await simulate(
            scenarios,
            settings,
            options.system,
            profiles=self._profiles,
            faults=self._faults,
            seed=options.seed,
            make_customer=self._make_customer,
            on_progress=on_progress,
        )
        return KindResult(
            figures=figures_of(cases), cases=tuple(cases), refused=tuple(refused), judged=JUDGED
        )
