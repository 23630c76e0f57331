"""Servers on one database and one Redis, killed while people write to them; who watches must miss nothing."""

import asyncio
import json
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from tests.servers.product import Server, settings

ROOT = Path(__file__).resolve().parents[2]
_GONE = (httpx.HTTPError, ConnectionError)
_ASKED = (
    "How long does standard shipping take?",
    "Can I return a tent that I have used once?",
    "My lantern arrived with a cracked globe.",
    "What does express shipping cost?",
)


@dataclass
class Watched:
    """What one panel was sent, over however many streams: (event id, kind, turn id or nothing)."""

    events: list[tuple[int, str, str]] = field(default_factory=list)
    reconnects: int = 0


@dataclass
class Report:
    """All but the first rows should be 0; `snapshots` made good what no stream held any more."""

    turns: int = 0
    events: int = 0
    kills: int = 0
    reconnects: int = 0
    snapshots: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order)

    def wrong(self, kind: str, what: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < 5:
            self.examples.append(what)

    def check(self, name: str, posted: list[str], watched: Watched) -> None:
        """`posted` are the turns that were taken, in order; ids of events are consecutive by design."""
        self.reconnects += watched.reconnects
        self.events += sum(kind != "snapshot" for _, kind, _ in watched.events)
        self.snapshots += sum(kind == "snapshot" for _, kind, _ in watched.events[1:])
        self._check_ids(name, watched)
        self._check_turns(name, posted, watched)

    def _check_ids(self, name: str, watched: Watched) -> None:
        for before, after in pairwise(watched.events):
            if after[1] == "snapshot":  # makes good whatever was between
                continue
            if after[0] == before[0] and before[1] != "snapshot":
                self.wrong("doubled", f"{name}: {after} came twice")
            elif after[0] <= before[0]:
                self.wrong("out_of_order", f"{name}: {before}, then {after}")
            elif after[0] > before[0] + 1 and not _is_next_block(before[0], after[0]):
                self.wrong("lost", f"{name}: {before} is followed by {after}")

    def _check_turns(self, name: str, posted: list[str], watched: Watched) -> None:
        told = Counter(turn for _, kind, turn in watched.events if kind == "turn")
        known = {t for _, kind, turns in watched.events if kind == "snapshot" for t in turns.split()}
        for turn in posted:
            if told[turn] == 0 and turn not in known:
                self.wrong("lost", f"{name}: {turn} was never shown")
            if told[turn] > 1:
                self.wrong("doubled", f"{name}: {turn} was shown {told[turn]} times")
        shown = [turn for _, kind, turn in watched.events if kind == "turn"]
        if shown != [turn for turn in posted if turn in told]:
            self.wrong("out_of_order", f"{name}: turns were shown in another order")


def _is_next_block(before: int, after: int) -> bool:
    """Ids are taken in blocks of a thousand, of which one may go unused (docs/decisions/0004)."""
    return before % 1_000 == 0 and after % 1_000 == 1


class Replicas:
    """Two servers; the first also does the background's work."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self._folder = folder
        self._shared = {
            "database_url": database_url,
            "knowledge_dir": ROOT / "knowledge",
            "requests_per_minute": 1_000_000,
        }
        self.redis_urls = [redis_url, redis_url]
        self.servers: list[Server] = []
        self.headers: dict[str, str] = {}

    async def start(self) -> None:
        for name, redis_url in zip(("one", "other"), self.redis_urls, strict=True):
            folder = self._folder / name
            folder.mkdir(parents=True)
            if self.servers:
                (folder / "secret").write_bytes((self._folder / "one" / "secret").read_bytes())
                (folder / "secret").chmod(0o600)
            own = {"data_dir": folder, "redis_url": redis_url, "background_work": not self.servers}
            server = Server(settings(**own, **self._shared))
            self.servers.append(server)
            await server.start()
        self.headers = {"Authorization": f"Bearer {await self.servers[0].key()}"}

    async def stop(self) -> None:
        for server in self.servers:
            await server.stop()


async def besiege(
    replicas: Replicas,
    *,
    conversations: int,
    seconds: float,
    kill_every: float,
    pause: float = 1.0,
    seed: int = 1,
    hang: float = 0.0,
    least_turns: int = 0,
    catch_up: float = 60.0,
) -> Report:
    """Conversations go on for so long, watched twice each, while one server after the other is killed.

    Each has `least_turns`, however slow the machine; its panels have `catch_up` seconds to see the last.
    With `hang` they are stopped for so many seconds instead, and go on as if nothing had been.
    """
    report, rng = Report(), random.Random(seed)  # noqa: S311 - repeatable, not secret
    until = time.monotonic() + seconds
    async with httpx.AsyncClient(headers=replicas.headers, timeout=httpx.Timeout(10, read=30)) as http:
        killer = asyncio.create_task(_kill(replicas, report, kill_every, until, hang))
        talks = [
            _talk(replicas, http, rng, until, pause, least_turns, catch_up) for _ in range(conversations)
        ]
        for name, posted, panels in await asyncio.gather(*talks):
            report.turns += len(posted)
            for panel in panels:
                report.check(name, posted, panel)
        await killer
    return report


async def _kill(replicas: Replicas, report: Report, every: float, until: float, hang: float) -> None:
    while time.monotonic() + every + hang < until:
        await asyncio.sleep(every)
        victim = replicas.servers[report.kills % len(replicas.servers)]
        report.kills += 1
        if hang:
            victim.pause()
            await asyncio.sleep(hang)
            victim.resume()
        else:
            await victim.kill()
            await victim.start()


async def _talk(
    replicas: Replicas,
    http: httpx.AsyncClient,
    rng: random.Random,
    until: float,
    pause: float,
    least_turns: int,
    catch_up: float,
) -> tuple[str, list[str], list[Watched]]:
    made = await _insistently(replicas, http, rng, "/v1/conversations", {"channel": "chat"})
    name, posted = made["id"], list[str]()
    panels = [Watched(), Watched()]
    ended = asyncio.Event()
    watching = [
        asyncio.create_task(_watch(replicas, http, name, panel, n, posted, ended))
        for n, panel in enumerate(panels)
    ]
    await asyncio.sleep(0.5)
    while time.monotonic() < until or len(posted) < least_turns:
        turn = {"speaker": "customer", "text": f"{rng.choice(_ASKED)} ({len(posted) + 1})"}
        said = await _insistently(replicas, http, rng, f"/v1/conversations/{name}/turns", turn)
        posted.append(said["turn_id"] if "turn_id" in said else said["id"])
        await asyncio.sleep(pause * (0.5 + rng.random()))
    ended.set()
    await asyncio.wait(watching, timeout=catch_up)
    for task in watching:
        task.cancel()
    return name, posted, panels


async def _insistently(
    replicas: Replicas, http: httpx.AsyncClient, rng: random.Random, path: str, body: dict[str, Any]
) -> dict[str, Any]:
    """Sends it to one server or the other until it is taken, always under one key."""
    key = f"{rng.getrandbits(64):x}"
    for attempt in range(400):
        server = replicas.servers[(int(key, 16) + attempt) % len(replicas.servers)]
        with suppress(*_GONE):
            answer = await http.post(server.address + path, json=body, headers={"Idempotency-Key": key})
            if answer.is_success:
                said: dict[str, Any] = answer.json()
                return said
            assert answer.status_code in {409, 503}, answer.text
        await asyncio.sleep(0.1)
    raise AssertionError(f"nobody took {path}")


async def _watch(
    replicas: Replicas,
    http: httpx.AsyncClient,
    name: str,
    panel: Watched,
    at: int,
    posted: list[str],
    ended: asyncio.Event,
) -> None:
    """As a panel does: reads, and goes on after the last event at whatever server answers."""
    while True:
        server = replicas.servers[(at + panel.reconnects) % len(replicas.servers)]
        headers = {"Last-Event-ID": str(panel.events[-1][0])} if panel.events else {}
        with suppress(*_GONE):
            async with http.stream(
                "GET", f"{server.address}/v1/conversations/{name}/events", headers=headers
            ) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data:"):
                        panel.events.append(_noted(json.loads(line.removeprefix("data:"))))
                        if ended.is_set() and _saw_the_end(panel, posted):
                            return
                    elif ended.is_set() and _saw_the_end(panel, posted):
                        return
        panel.reconnects += 1
        await asyncio.sleep(0.2)


def _noted(event: dict[str, Any]) -> tuple[int, str, str]:
    turns = ""
    if event["type"] == "turn":
        turns = event["data"]["id"]
    elif event["type"] == "snapshot":
        turns = " ".join(turn["id"] for turn in event["data"]["conversation"]["turns"])
    return event["id"], event["type"], turns


def _saw_the_end(panel: Watched, posted: list[str]) -> bool:
    last = posted[-1] if posted else ""
    seen = [
        n for n, (_, kind, turns) in enumerate(panel.events) if kind in {"turn", "snapshot"} and last in turns
    ]
    return bool(seen) and any(kind == "revision.done" for _, kind, _ in panel.events[seen[0] :])
