"""What the harness' child processes do: work until killed, or drain and count."""

import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text
from tests.faults import world
from tests.faults.database import open_folder
from tests.faults.failpoints import Breakable, BreakableConnection, Failpoints, break_statements
from tests.faults.slow_provider import CLIENT_SECONDS, HttpShop
from tests.unit.tools.desk import SEALS
from tests.unit.tools.rules import engine
from tests.unit.tools.shop import NOW

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.order_system import OneOrderSystem
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.tenant_scope import working_for
from copilot.adapters.sqlite_shop import SqliteShop
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.errors import DependencyUnavailable
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.ledger import VerifiedLedger, verify_ledger
from copilot.tools.limits import Limits, MoneyLimits

_MUCH = 10**12
LIMITS = Limits(
    call_seconds=2 * CLIENT_SECONDS,
    first_pause_seconds=0.02,
    longest_pause_seconds=0.2,
    money=MoneyLimits(per_call=_MUCH, per_representative_per_day=_MUCH, per_day=_MUCH),
)


_SPENDS = (ActionStatus.EXECUTING, ActionStatus.SUCCEEDED, ActionStatus.UNRESOLVED)


@dataclass(frozen=True)
class Bench:
    approvals: Approvals
    executor: Executor
    store: Any
    ledger: SqlLedgerStore
    orders: Any


@asynccontextmanager
async def bench(
    folder: Path, port: int | None, failpoints: Failpoints, *, forgetful: bool = False
) -> AsyncIterator[Bench]:
    """The product's own parts over real stores, each behind a failpoint; `port` is the slow provider's.

    `forgetful`: the embedded shop takes every call for a new one, to show that the harness would notice.
    """
    clock = FixedClock(NOW)
    database = await open_folder(folder)
    break_statements(database, failpoints)
    shop: Any
    if port is None:
        shop = await SqliteShop.open(folder / "shop.db", clock)
        shop._connection = BreakableConnection(shop._connection, failpoints)
    else:
        shop = HttpShop(port)
    ledger = SqlLedgerStore(database)
    store = Breakable(SqlActionStore(database), "store", failpoints)
    orders: Any = Breakable(shop, "shop", failpoints)
    if forgetful:
        orders = _Forgetful(orders)
    assessor = Assessor(Catalog(), OneOrderSystem(orders), engine(), store, clock)
    yield Bench(
        Approvals(assessor, store, ledger, clock, Uuid7Ids(), LIMITS, SEALS),
        Executor(assessor, OneOrderSystem(orders), store, clock, Uuid7Ids(), LIMITS, SEALS),
        store,
        ledger,
        orders,
    )
    await database.close()
    if port is None:
        await shop.close()


class _Forgetful:
    def __init__(self, orders: Any) -> None:
        self._orders = orders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    async def refund(self, order_id: str, amount: Any, reason: str, *, key: str) -> Any:
        return await self._orders.refund(order_id, amount, reason, key=f"{key}-{time.monotonic_ns()}")


async def work(
    folder: Path, port: int | None, failpoints: Failpoints, seed: int, *, forgetful: bool = False
) -> None:
    """First what the last process left, then one thing after another until this one is killed."""
    dice = random.Random(seed)  # noqa: S311
    async with bench(folder, port, failpoints, forgetful=forgetful) as b:
        await b.executor.recover()
        failpoints.phase = "work"
        for action in await b.store.list_waiting(world.TENANT):
            await world.decide_and_execute(b.approvals, b.executor, action)
        while True:
            action = await world.propose_something(b.approvals, dice)
            if action is not None:
                await world.decide_and_execute(b.approvals, b.executor, action)


async def drain(folder: Path, port: int | None) -> dict[str, Any]:
    """Drives on all that is left, as a restart does, and says what came of everything."""
    async with bench(folder, port, Failpoints(None, -1)) as b:
        await b.executor.recover()
        for action in await _actions(b):
            if action.status is ActionStatus.UNRESOLVED:
                await b.executor.reconcile(world.TENANT, action.id)
        return await tally(b)


async def tally(b: Bench) -> dict[str, Any]:
    """Counts, and every broken promise in words."""
    actions = await _actions(b)
    refunds = [r for known in world.orders() for r in await _refunds(b, known.id)]
    by_key = Counter(r.idempotency_key for r in refunds)
    amounts = {r.idempotency_key: r.amount for r in refunds}
    entries = [e async for e in b.ledger.entries(world.TENANT)]
    steps = Counter((e.subject_id, e.kind) for e in entries)
    problems = []
    for action in actions:
        times = by_key.pop(action.call.id, 0)
        problems += _problems(action, times, amounts.get(action.call.id), steps)
    problems += [f"{n} refunds under the unknown key {key}" for key, n in by_key.items()]
    spent = sum(a.amount.minor for a in actions if a.status in _SPENDS and a.amount)
    if (counted := await _counted(b)) != {spent}:
        problems.append(f"the counters of money say {counted}, the actions {spent}")
    if not isinstance(verified := await verify_ledger(b.ledger, world.TENANT), VerifiedLedger):
        problems.append(f"the ledger is broken: {verified}")
    return {
        "actions": dict(Counter(a.status.value for a in actions)),
        "approved": sum(bool(a.approvals) for a in actions),
        "refunds": len(refunds),
        "ledger_entries": len(entries),
        "problems": problems,
    }


def _problems(action: Action, refunds: int, amount: Any, steps: Counter[tuple[str, str]]) -> list[str]:
    name = f"{action.id} ({action.status.value})"
    found = []
    done = action.status is ActionStatus.SUCCEEDED
    parked = action.status is ActionStatus.UNRESOLVED
    waiting = action.status in (ActionStatus.PROPOSED, ActionStatus.AWAITING_SECOND_APPROVAL)
    if refunds > 1:
        found.append(f"{name} was refunded {refunds} times")
    if done and refunds == 0:
        found.append(f"{name} was lost: it has no refund")
    if refunds and not (done or parked):
        found.append(f"{name} has a refund")
    if refunds and amount != action.amount:
        found.append(f"{name} refunded {amount}, approved was {action.amount}")
    if not (done or parked or waiting or action.status is ActionStatus.FAILED):
        found.append(f"{name} did not end")
    if done and (steps[action.id, "execution"], steps[action.id, "receipt"]) != (1, 1):
        found.append(f"{name} has not one execution and one receipt in the ledger")
    if steps[action.id, "approval"] != len(action.approvals):
        found.append(f"{name} has approvals that the ledger has not")
    return found


async def _actions(b: Bench) -> list[Action]:
    from copilot.adapters.sql.action_store import _select  # noqa: PLC0415 - every row, as no port lists them

    with working_for(world.TENANT):
        return await b.store._port._fetch(_select())


async def _counted(b: Bench) -> set[int]:
    """What each of the day's counters holds; they count the same actions here."""
    with working_for(world.TENANT):
        return await _counters(b)


async def _counters(b: Bench) -> set[int]:
    async with b.store._port._database.read() as connection:
        rows = await connection.execute(
            text("SELECT reserved_minor FROM money_counters WHERE counter NOT LIKE 'call %'")
        )
        return {row.reserved_minor for row in rows} or {0}


async def _refunds(b: Bench, order_id: str) -> list[Any]:
    for _ in range(50):
        try:
            return await b.orders.refunds(order_id)
        except DependencyUnavailable:  # the slow provider is busy now and then
            continue
    return await b.orders.refunds(order_id)
