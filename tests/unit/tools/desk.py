"""Approvals and an executor over fakes: a desk at which the tests' representatives sit."""

from dataclasses import dataclass

from tests.unit.tools.rules import engine
from tests.unit.tools.shop import NOW, person, session, shop

from copilot.adapters.fakes.action_store import FakeActionStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.fakes.order_system import FakeOrderSystem, OneOrderSystem
from copilot.domain.access import Role
from copilot.domain.actions import Action
from copilot.ports import ActionStore, LedgerStore
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.limits import Limits
from copilot.tools.seals import Seals

RITA = person("rita")
SAM = person("sam", Role.SUPERVISOR)
SEALS = Seals(b"the desk's secret of 32 bytes ok!")

GOODWILL = {"order_id": "LF-1004820", "amount": "20", "reason": "goodwill"}
LARGE = {"order_id": "LF-1004846", "amount": "150", "reason": "damaged_or_defective"}


@dataclass
class Desk:
    approvals: Approvals
    executor: Executor
    orders: FakeOrderSystem
    store: ActionStore
    ledger: LedgerStore
    clock: FixedClock
    waits: list[float]

    async def propose(self, arguments=GOODWILL, tool="refund_order", of=None) -> Action:
        return await self.approvals.propose(of or session(), tool, arguments, revision=3)

    async def approved(self, arguments=GOODWILL, tool="refund_order") -> Action:
        action = await self.propose(arguments, tool)
        return await self.approvals.approve(RITA, action.id, action.digest)

    async def kinds(self) -> list[str]:
        return [entry.kind async for entry in self.ledger.entries("larkfield")]


def desk(*, store=None, ledger=None, orders=None, clock=None, policy=None, limits=None, seals=None) -> Desk:
    seals = seals or SEALS
    clock = clock or FixedClock(NOW)
    ledger = ledger or FakeLedgerStore()
    store = store or FakeActionStore(ledger)
    orders = orders or shop()
    ids = SequentialIds()
    limits = limits or Limits(call_seconds=1)
    assessor = Assessor(Catalog(), OneOrderSystem(orders), policy or engine(), store, clock)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return Desk(
        Approvals(assessor, store, ledger, clock, ids, limits, seals),
        Executor(assessor, OneOrderSystem(orders), store, clock, ids, limits, seals, sleep),
        orders,
        store,
        ledger,
        clock,
        waits,
    )
