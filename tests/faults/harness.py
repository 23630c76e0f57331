"""Runs lanes of kills side by side, each in a folder of its own, and adds up what they found."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class LaneOrder:
    provider: str
    kills: int


@dataclass(frozen=True)
class Report:
    """`problems` is empty when every promise held."""

    kills: int
    failpoints: int
    refunds: int
    approved: int
    actions: dict[str, int]
    ledger_entries: int
    slowest_drain_seconds: float
    seconds: float
    problems: tuple[str, ...]


def run(
    lanes: list[LaneOrder],
    folder: Path,
    on_progress: Callable[[int], None] = lambda _kills: None,
    seed: int = 1,
    database_url: str | None = None,
) -> Report:
    """Blocks until every lane is done; `on_progress` hears the number of kills so far.

    `database_url` is of a PostgreSQL in which each lane makes a database; else they work on SQLite.
    """
    started = time.monotonic()
    done = [0] * len(lanes)
    results: list[dict[str, Any]] = [{} for _ in lanes]

    def follow(number: int) -> None:
        lane = lanes[number]
        with _start(lane, folder / f"lane-{number}", seed + number, database_url) as process:
            for line in process.stdout or ():
                told = json.loads(line)
                if "result" in told:
                    results[number] = told["result"]
                else:
                    done[number] = told["kills"]
                    on_progress(sum(done))
        if process.returncode != 0:
            results[number] = {"problems": [f"lane {number} ({lane.provider}) broke off"]}

    threads = [threading.Thread(target=follow, args=(n,)) for n in range(len(lanes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _sum_up(results, time.monotonic() - started)


def split(kills: int, provider: str, lanes: int) -> list[LaneOrder]:
    """`kills` spread over `lanes`."""
    sizes = [kills // lanes + (n < kills % lanes) for n in range(lanes)]
    return [LaneOrder(provider, size) for size in sizes if size]


def _start(lane: LaneOrder, folder: Path, seed: int, database_url: str | None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.lane", "--provider", lane.provider]
    command += ["--kills", str(lane.kills), "--folder", str(folder), "--seed", str(seed)]
    if database_url is not None:
        command += ["--database-url", database_url]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.Popen(  # noqa: S603 - our own module
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def _sum_up(results: list[dict[str, Any]], seconds: float) -> Report:
    points: set[str] = set().union(*(r.get("points", {}) for r in results))
    actions: Counter[str] = Counter()
    for result in results:
        actions.update(result.get("actions", {}))

    def total(name: str) -> int:
        return sum(r.get(name, 0) for r in results)

    return Report(
        kills=total("kills"),
        failpoints=len(points),
        refunds=total("refunds"),
        approved=total("approved"),
        actions=dict(actions),
        ledger_entries=total("ledger_entries"),
        slowest_drain_seconds=max(r.get("slowest_drain_s", 0.0) for r in results),
        seconds=round(seconds, 1),
        problems=tuple(p for r in results for p in r.get("problems", ["a lane said nothing"])),
    )
