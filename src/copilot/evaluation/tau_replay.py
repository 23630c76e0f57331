"""Replays tau-bench's retail tasks from files: what `copilot tools replay` runs."""

import secrets
from pathlib import Path

from copilot.adapters.fakes.action_store import FakeActionStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.tau_shop import TauShop, read_database
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.limits import Limits
from copilot.tools.policy import PolicyEngine
from copilot.tools.replay import ReplayDesk, Replayed, all_allowed, read_lines, replay
from copilot.tools.seals import Seals
from copilot.tools.tool import Json


async def replay_files(database: Path, tasks: Path, expected: Path) -> list[Replayed]:
    """Each task on a fresh shop in memory. `ConfigurationError` names the file and line that is wrong."""
    rows, catalog, seals = read_database(database), Catalog(), Seals(secrets.token_bytes(32))
    policy = PolicyEngine([all_allowed(catalog)], {}, lambda text, _: text, require_signatures=False)

    def desk_for(task: Json) -> ReplayDesk:
        shop = TauShop(rows, address_only_while_pending=str(task["id"]).startswith("tau1-"))
        clock, ids, limits, ledger = FixedClock(), SequentialIds(), Limits(), FakeLedgerStore()
        store = FakeActionStore(ledger)
        assessor = Assessor(catalog, shop, policy, store, clock)
        return ReplayDesk(
            catalog,
            shop,
            Approvals(assessor, store, ledger, clock, ids, limits, seals),
            Executor(assessor, shop, store, clock, ids, limits, seals),
            shop.changed,
        )

    return await replay(read_lines(tasks), read_lines(expected), desk_for)
