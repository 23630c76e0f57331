"""Kills servers and PostgreSQL's postmaster while refunds and ingests run, and counts broken promises."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from tests.kills.checks import check, doubled, unfinished
from tests.kills.clients import Desk, Librarian, Promised
from tests.kills.front import Front
from tests.kills.shop import Book, lost_parcels
from tests.kills.site import API, POSTMASTER, WORKER, Site
from tests.servers.postgres import running
from tests.servers.redis import running_redis

DRAIN_SECONDS = 60.0
_VICTIMS = {API[0]: 2, API[1]: 2, WORKER: 3, POSTMASTER: 3}
"""How often each is killed, of ten times."""
_LONGEST_DWELL = 1.2
"""Seconds between a process being up and its next kill, at most."""
_ORDERS_FOR_A_KILL = 12
_SHOP_SECONDS = 0.5
"""What the shop takes before a refund, and again after it, at most."""


@dataclass(frozen=True)
class Load:
    """Who works meanwhile; they pause for `pause` seconds at most."""

    desks: int = 8
    pause: float = 0.2


@dataclass(frozen=True)
class Report:
    """`problems` is empty when every promise held."""

    kills: int
    by_process: dict[str, int]
    seconds: float
    kills_per_minute: float
    promised_refunds: int
    refunds: int
    calls: int
    double_clicks: int
    actions: dict[str, int]
    failures: dict[str, int]
    ledger_entries: int
    documents: int
    jobs: int
    jobs_given_up: int
    answers: dict[str, int]
    ended_by_themselves: dict[str, int]
    drain_seconds: float
    problems: tuple[str, ...]


async def run(
    folder: Path,
    kills: int,
    *,
    seed: int = 1,
    skip: int = 0,
    load: Load | None = None,
    on_kill: Callable[[int], None] = lambda _: None,
    stop: asyncio.Event | None = None,
) -> Report:
    """`skip` goes on where a run with the same seed was stopped by `stop`, in a world of its own."""
    load, dice = load or Load(), random.Random(seed)  # noqa: S311
    with (
        running() as postgres,
        running_redis() as redis,
        lost_parcels(folder, kills * _ORDERS_FOR_A_KILL + 200, partial(dice.uniform, 0, _SHOP_SECONDS)) as (
            shop_url,
            book,
        ),
    ):
        site = Site(folder, postgres, redis.url, shop_url)
        await site.start()
        try:
            siege = Siege(site, book, load, seed)
            await siege.open()
            return await siege.run(
                kills, skip, on_kill, stop or asyncio.Event(), postgres.owners(site.database_url)
            )
        finally:
            await site.stop()


class Siege:
    """The clients, the killer, and what they saw."""

    def __init__(self, site: Site, book: Book, load: Load, seed: int) -> None:
        self._site = site
        self._book = book
        self._load = load
        self._seed = seed
        self._fronts: list[Front] = []
        self._promised = Promised()
        self._killed: Counter[str] = Counter()

    async def open(self) -> None:
        roles = {"Rita": "representative", "Sam": "supervisor", "Kim": "knowledge_manager"}
        for number, (name, role) in enumerate(roles.items()):
            key = await self._site.key(name, role)
            self._fronts.append(Front(self._site.addresses, key, self._seed + number))

    async def run(
        self, kills: int, skip: int, on_kill: Callable[[int], None], stop: asyncio.Event, owners: str
    ) -> Report:
        ended = asyncio.Event()
        started = time.monotonic()
        clients = [asyncio.create_task(work) for work in self._work(ended)]
        await self._kill(kills, skip, on_kill, stop, clients)
        seconds = time.monotonic() - started
        ended.set()
        for client in asyncio.as_completed(clients):
            await client
        drained = await self._drain(owners)
        lines = self._book.lines()
        checked = await check(self._site.database_url, owners, lines, self._promised.refunds)
        for front in self._fronts:
            await front.close()
        unexpected = [text for front in self._fronts for text in front.unexpected]
        return Report(
            kills=self._killed.total(),
            by_process=dict(self._killed),
            seconds=round(seconds, 1),
            kills_per_minute=round(60 * self._killed.total() / seconds, 1),
            promised_refunds=len(self._promised.refunds),
            refunds=sum(line.made for line in lines),
            calls=sum(not line.made for line in lines),
            double_clicks=self._promised.doubled_clicks,
            actions=dict(checked.actions),
            failures=dict(checked.failures),
            ledger_entries=checked.ledger_entries,
            documents=sum(self._promised.documents.values()),
            jobs=self._promised.jobs,
            jobs_given_up=self._promised.given_up,
            answers=dict(sum((front.statuses for front in self._fronts), Counter())),
            ended_by_themselves=dict(self._site.ended_by_themselves),
            drain_seconds=round(drained, 2),
            problems=(*self._promised.problems, *unexpected, *checked.problems),
        )

    def _work(self, ended: asyncio.Event):
        rep, supervisor, manager = self._fronts
        orders = count()
        for number in range(self._load.desks):
            desk = Desk(rep, supervisor, orders, self._promised, self._seed + number)
            yield desk.work(ended, self._load.pause)
        for name, by_job in (("a", False), ("b", True)):
            yield Librarian(manager, name, self._promised, by_job=by_job).work(ended, self._load.pause)

    async def _kill(
        self, kills: int, skip: int, on_kill: Callable[[int], None], stop: asyncio.Event, clients: list
    ) -> None:
        dice = random.Random(self._seed)  # noqa: S311
        for number in range(skip + kills):
            (victim,) = dice.choices(list(_VICTIMS), list(_VICTIMS.values()))
            dwell = dice.uniform(0.0, _LONGEST_DWELL)
            if number < skip:
                continue
            await self._site.until_up(victim, dwell)
            for client in clients:
                if client.done():
                    client.result()
            if stop.is_set():
                return
            await self._site.kill(victim)
            self._killed[victim] += 1
            on_kill(self._killed.total())
            self._promised.problems += doubled(self._book.lines()) if number % 50 == 0 else []

    async def _drain(self, owners: str) -> float:
        """One more kill, of the worker: what its start finds unfinished is driven on. Seconds from there."""
        for name in _VICTIMS:
            await self._site.until_up(name)
        started = time.monotonic()
        await self._site.kill(WORKER)
        self._killed[WORKER] += 1
        await self._site.until_up(WORKER)
        while await unfinished(owners):
            if time.monotonic() > started + DRAIN_SECONDS:
                self._promised.problems.append(f"after {DRAIN_SECONDS:.0f} s something is still unfinished")
                break
            await asyncio.sleep(0.2)
        return time.monotonic() - started
