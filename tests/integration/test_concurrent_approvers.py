"""Sixteen people approve one proposal at once, in one process and in four: it is carried out once."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest
from tests.faults import world
from tests.faults.database import open_folder, use_address
from tests.unit.tools.desk import SEALS
from tests.unit.tools.rules import engine
from tests.unit.tools.shop import NOW, person

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.order_system import OneOrderSystem
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sqlite_shop import SqliteShop
from copilot.domain.errors import ActionNotOpen, CopilotError
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.ledger import VerifiedLedger, verify_ledger
from copilot.tools.limits import Limits, MoneyLimits
from copilot.tools.tool import Session

ROOT = Path(__file__).resolve().parents[2]
ORDERS = tuple(world.delivered_id(n) for n in range(16))
ROOM_FOR = 5
"""How many of the sixteen refunds of $20 fit under the day's limit."""


class Office:
    """The product's parts over files that other processes use too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __aenter__(self) -> Self:
        clock = FixedClock(NOW)
        self.database = await open_folder(self._folder)
        self.shop = await SqliteShop.open(self._folder / "shop.db", clock)
        self.store, self.ledger = SqlActionStore(self.database), SqlLedgerStore(self.database)
        limits = Limits(money=MoneyLimits(per_day=ROOM_FOR * 2000))
        shops = OneOrderSystem(self.shop)
        assessor = Assessor(Catalog(), shops, engine(), self.store, clock)
        self.approvals = Approvals(assessor, self.store, self.ledger, clock, Uuid7Ids(), limits, SEALS)
        self.executor = Executor(assessor, shops, self.store, clock, Uuid7Ids(), limits, SEALS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shop.close()
        await self.database.close()

    async def propose(self, number: int):
        session = Session(
            tenant_id=world.TENANT, conversation_id=f"conv_{number}", customer_id=f"customer-{number}"
        )
        wanted = {"order_id": ORDERS[number], "amount": "20", "reason": "goodwill"}
        return await self.approvals.propose(session, "refund_order", wanted, 1)

    async def approve_and_execute(self, name: str, action_id: str, digest: str) -> str:
        """How it ended, for this person."""
        try:
            approved = await self.approvals.approve(person(name), action_id, digest)
            return (await self.executor.execute(approved)).status.value
        except CopilotError as error:
            return error.code

    async def refunds(self) -> int:
        return sum([len(await self.shop.refunds(order_id)) for order_id in ORDERS])


@pytest.fixture(params=["sqlite", "postgres"])
def folder(request, tmp_path):
    world.seed_shop(tmp_path / "shop.db")
    if request.param == "postgres":
        use_address(tmp_path, request.getfixturevalue("postgres").database())
    return tmp_path


async def in_four_processes(folder, jobs):
    """Four processes with four tasks each, all starting at the same moment; the ends, one for each job."""
    start = str(time.time() + 4)
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-m", "tests.integration.test_concurrent_approvers", str(folder), start]
    processes = [
        subprocess.Popen(  # noqa: ASYNC220, S603 - our own module
            [*command, json.dumps(jobs[n::4])],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    return [end for p in processes for end in json.loads(p.communicate(timeout=60)[0])]


async def play(folder: Path, start: float, jobs: list[list[str]]) -> list[str]:
    async with Office(folder) as office:
        await asyncio.sleep(max(0.0, start - time.time()))
        return list(await asyncio.gather(*(office.approve_and_execute(*job) for job in jobs)))


@pytest.mark.parametrize("processes", [1, 4])
async def test_sixteen_approvers_execute_one_proposal_once(folder, processes):
    async with Office(folder) as office:
        action = await office.propose(0)
        jobs = [[f"rep {n}", action.id, action.digest] for n in range(16)]
        if processes == 4:
            ends = await in_four_processes(folder, jobs)
        else:
            ends = await asyncio.gather(*(office.approve_and_execute(*job) for job in jobs))
        assert sorted(ends) == [ActionNotOpen.code] * 15 + ["succeeded"]
        assert await office.refunds() == 1
        assert isinstance(await verify_ledger(office.ledger, world.TENANT), VerifiedLedger)
        kinds = [e.kind async for e in office.ledger.entries(world.TENANT)]
        assert kinds == ["proposal", "approval", "execution", "receipt"]


@pytest.mark.parametrize("processes", [1, 4])
async def test_sixteen_refunds_at_once_keep_to_the_limit_of_the_day(folder, processes):
    async with Office(folder) as office:
        actions = [await office.propose(n) for n in range(16)]
        jobs = [[f"rep {n}", a.id, a.digest] for n, a in enumerate(actions)]
        if processes == 4:
            ends = await in_four_processes(folder, jobs)
        else:
            ends = await asyncio.gather(*(office.approve_and_execute(*job) for job in jobs))
        assert sorted(ends) == ["failed"] * (16 - ROOM_FOR) + ["succeeded"] * ROOM_FOR
        assert await office.refunds() == ROOM_FOR


if __name__ == "__main__":
    arguments = sys.argv[1:]
    result = asyncio.run(play(Path(arguments[0]), float(arguments[1]), json.loads(arguments[2])))
    sys.stdout.write(json.dumps(result))
