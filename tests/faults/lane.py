"""One lane of the harness: a warm process that forks a worker, lets it be killed, and forks the next.

    python -m tests.faults.lane --kills 100 --provider embedded --folder DIR --seed 1

prints one JSON line for each batch of kills and one at the end.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults import failpoints, world
from tests.faults.database import make_database, use_address
from tests.faults.failpoints import Failpoints
from tests.faults.slow_provider import SlowProvider
from tests.faults.worker import drain, work

DRAIN_SECONDS = 60.0
_STUCK_SECONDS = 60
_CHECK_EVERY = 250
_SETTLE_SECONDS = 0.7
"""Longer than the slow provider holds a commit back."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--provider", choices=("embedded", "slow", "forgetful"), required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database-url", help="PostgreSQL's; a database of the lane's own is made there")
    options = parser.parse_args()
    lane = Lane(options.folder, options.provider, options.seed)
    if options.database_url:
        use_address(options.folder, make_database(options.database_url, f"faults_{options.seed}"))
    try:
        tell({"result": lane.run(options.kills)})
    finally:
        lane.close()


class Lane:
    """`run` kills; what it returns lists every broken promise under `problems`."""

    def __init__(self, folder: Path, provider: str, seed: int) -> None:
        self._folder = folder
        self._dice = random.Random(seed)  # noqa: S311
        folder.mkdir(parents=True, exist_ok=True)
        self._provider, self._port = start_provider(seed) if provider == "slow" else (None, None)
        if provider != "slow":
            world.seed_shop(folder / "shop.db")
        self._forgetful = provider == "forgetful"
        self._points: Counter[str] = Counter()
        self._problems: list[str] = []
        self._slowest_drain = 0.0
        gc.collect()
        gc.freeze()  # forks share what is loaded

    def close(self) -> None:
        if self._provider is not None:
            os.kill(self._provider, signal.SIGKILL)
            os.waitpid(self._provider, 0)

    def run(self, kills: int) -> dict[str, Any]:
        tally: dict[str, Any] = {}
        for number in range(1, kills + 1):
            self._kill_once(number)
            if number % _CHECK_EVERY == 0 or number == kills:
                tally = self._drained()
            if number % 10 == 0 or self._problems:
                tell({"kills": number})
            if self._problems:
                break
        return {
            **tally,
            "kills": sum(self._points.values()),
            "failpoints": len(self._points),
            "points": self._points,
            "slowest_drain_s": round(self._slowest_drain, 2),
            "problems": self._problems,
        }

    def _kill_once(self, number: int) -> None:
        """Walks up the failpoints of a run, over and over, with a jump ahead now and then."""
        fatal = number % 97 + 1 if number % 3 else self._dice.randrange(1, 400)
        seed = self._dice.randrange(10**9)

        def child(report: int) -> None:
            signal.alarm(_STUCK_SECONDS)
            os.environ[failpoints.VARIABLE] = str(fatal)
            points = Failpoints.of_environment(os.environ, report)
            asyncio.run(work(self._folder, self._port, points, seed, forgetful=self._forgetful))

        status, told = forked(child)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self._points[told] += 1
        else:
            self._problems.append(f"worker {number} ended by itself (status {status}): {told}")

    def _drained(self) -> dict[str, Any]:
        """A restart with nothing in its way; how long it takes counts from the fork."""
        if self._port is not None:
            time.sleep(_SETTLE_SECONDS)

        def child(report: int) -> None:
            signal.alarm(int(DRAIN_SECONDS))
            os.write(report, json.dumps(asyncio.run(drain(self._folder, self._port))).encode())

        started = time.monotonic()
        status, told = forked(child)
        self._slowest_drain = max(self._slowest_drain, time.monotonic() - started)
        if status != 0:
            self._problems.append(f"the drain failed (status {status}): {told}")
            return {}
        tally: dict[str, Any] = json.loads(told)
        self._problems += tally["problems"]
        return tally


def tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def forked(child: Callable[[int], None]) -> tuple[int, str]:
    """Runs `child` in a process of its own; its wait status and what it wrote into the pipe."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        code = 1
        try:
            child(writer)
            code = 0
        except BaseException:  # noqa: BLE001 - told to the parent, whatever it was
            os.write(writer, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read().decode(errors="replace")
    return os.waitpid(pid, 0)[1], told


def start_provider(seed: int) -> tuple[int, int]:
    """Its process id and its port."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)

        def tell(port: int) -> None:
            os.write(writer, str(port).encode())
            os.close(writer)

        try:
            asyncio.run(SlowProvider(seed).serve(tell))
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        return pid, int(pipe.read())


if __name__ == "__main__":
    sys.exit(main())
