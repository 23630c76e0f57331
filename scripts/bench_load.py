"""So many open streams and turns a second for so long, on one server process; see `--help`.

    scripts/bench load [--streams 200] [--rate 40] [--minutes 10] [--warm-up 60] [--customers-only] [--json]

Turns are posted at moments fixed beforehand, however slow the answers are, and every time counts from its
moment. Each stream is a representative's desk: one conversation at a time, customer and representative in
turn, a new one after twelve turns. Clients and server share this machine's cores; the clients' share is told.
Texts are public customers' messages where they are at hand (`--texts`), else the demo company's questions;
after one round each gets a number, so that no text comes twice. A refused turn (503) is not sent again.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from _bench_server import (
    ROOT,
    copilot,
    cpu_seconds,
    environment,
    free_port,
    representative_key,
    serving,
)
from _load_clients import ACCEPTED, REFUSED, Desk, Tally
from _progress import Progress
from _targets import Target, show

TURNS = 12
PUBLIC = Path(os.environ.get("COPILOT_DATA", ROOT.parent / "shared" / "data")) / "multidogo" / "dev.jsonl"
SAMPLED_EVERY = 5.0
BARS = "▁▂▃▄▅▆▇█"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument(
        "--rate", type=float, nargs="+", default=[40.0], help="turns a second; several, one after another"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for each rate, after the warm-up")
    parser.add_argument("--warm-up", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--customers-only", action="store_true", help="no representative speaks")
    parser.add_argument("--texts", type=Path, default=PUBLIC, help="JSON Lines with `text`")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as data:
        env = environment(data, free_port()) | {"COPILOT_REQUESTS_PER_MINUTE": "1000000"}
        copilot(env, "ingest", str(ROOT / "knowledge"))
        key = representative_key(env)
        with serving(env) as (server, _):
            for number, rate in enumerate(arguments.rate):
                if number:
                    print()
                address = f"http://127.0.0.1:{env['COPILOT_PORT']}"
                figures = asyncio.run(run(arguments, rate, address, key, server.pid))
                show(figures, _targets(rate), as_json=arguments.json)


def _targets(rate: float) -> list[Target]:
    return [
        Target("errors", 0.001, at_most=True),
        Target("knowledge p95 ms", 250, at_most=True),
        Target("memory growth", 0.05, at_most=True),
        Target("turns a second", rate * 0.99),
    ]


async def run(
    arguments: argparse.Namespace, rate: float, address: str, key: str, server: int
) -> dict[str, float]:
    """Figures of `rate` turns a second on the server at `address`, the process `server`."""
    tally, memory = Tally(), list[tuple[float, float]]()
    texts = _texts(arguments.texts)
    desks = [
        Desk(
            address,
            key,
            texts,
            tally,
            turns=TURNS,
            both=not arguments.customers_only,
            greets=bool(number % 2),  # else all the customers would speak at once, and then none
            first=TURNS - number // 2 * 2 % TURNS,  # else all the conversations would end at once
        )
        for number in range(arguments.streams)
    ]
    seconds = arguments.warm_up + 60 * arguments.minutes
    begun = time.perf_counter()
    measured_from = begun + arguments.warm_up
    saying: set[asyncio.Task[None]] = set()
    used = dict[str, float]()

    async def mark() -> None:
        await asyncio.sleep(arguments.warm_up)
        used["server"], used["clients"] = cpu_seconds(server), time.process_time()
        used["posted"], used["at"] = tally.posted, time.perf_counter()

    async def sample() -> None:
        while True:
            memory.append(_resident(server))
            await asyncio.sleep(SAMPLED_EVERY)

    marking, sampling = asyncio.create_task(mark()), asyncio.create_task(sample())
    total = int(seconds * rate)
    with Progress(1) as progress, progress.task(f"{rate:g} turns a second") as bar:
        for number in range(total):
            at = begun + number / rate
            if (wait := at - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(desks[number % len(desks)].say(at))
            saying.add(task)
            task.add_done_callback(saying.discard)
            bar.update(number, total, f"{tally.posted} turns, {tally.events} events")
    await marking
    streams = tally.streams
    ended = time.perf_counter()
    spent = {"server": cpu_seconds(server) - used["server"], "clients": time.process_time() - used["clients"]}
    posted = tally.posted - used["posted"]
    if saying:
        await asyncio.wait(saying, timeout=30)
    await asyncio.sleep(2)
    sampling.cancel()
    for desk in desks:
        await desk.close()
    return _figures(tally, memory, measured_from, ended - used["at"], spent, posted, streams, arguments)


def _figures(
    tally: Tally,
    memory: list[tuple[float, float]],
    since: float,
    span: float,
    spent: dict[str, float],
    posted: float,
    streams: int,
    arguments: argparse.Namespace,
) -> dict[str, float]:
    warm = memory[int(arguments.warm_up / SAMPLED_EVERY) :] or memory
    for name, values in (("memory", [a for a, _ in memory]), ("its own", [b for _, b in memory])):
        print(f"{name + ', MB:':12}", _sparkline(values), f"{values[0]:.0f} → {values[-1]:.0f}")
    first, last = (
        [statistics.fmean(column) for column in zip(*part, strict=True)] for part in (warm[:3], warm[-3:])
    )
    asked = {turn: at for turn, at in tally.intended.items() if at >= since}
    answers = {turn: tally.shown.get(tally.revision_of.get(turn, ("", 0))) for turn in asked}
    knowledge = [shown - asked[turn] for turn, shown in answers.items() if shown is not None]
    acknowledged = [took for at, took in tally.acknowledged if at >= since]
    wrong = sum(n for status, n in tally.statuses.items() if status != ACCEPTED)
    return {
        "turns": float(tally.posted),
        "turns a second": posted / span,
        "customer turns": float(tally.customers),
        "streams open": float(streams),
        "events": float(tally.events),
        "events out of order": float(tally.out_of_order),
        "errors": wrong / max(1, tally.posted),
        "refused": tally.statuses[REFUSED] / max(1, tally.posted),
        "customer turns without knowledge": float(len(asked) - len(knowledge)),
        "acknowledged p50 ms": _percentile(acknowledged, 0.5),
        "acknowledged p95 ms": _percentile(acknowledged, 0.95),
        "knowledge p50 ms": _percentile(knowledge, 0.5),
        "knowledge p95 ms": _percentile(knowledge, 0.95),
        "knowledge p99 ms": _percentile(knowledge, 0.99),
        "server cores": spent["server"] / span,
        "clients' cores": spent["clients"] / span,
        "server core-ms a turn": 1_000 * spent["server"] / max(1.0, posted),
        "memory after warm-up MB": first[0],
        "memory at the end MB": last[0],
        "memory growth": last[0] / first[0] - 1,
        "its own after warm-up MB": first[1],
        "its own at the end MB": last[1],
        "its own growth": last[1] / first[1] - 1,
    }


def _texts(file: Path) -> Iterator[str]:
    """Messages of customers, in an order of their own, for ever; after one round each gets a number."""
    if file.is_file():
        found = [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines()]
        found = [text for text in found if len(re.findall(r"\w+", text)) > 3]
    else:
        questions = yaml.safe_load((ROOT / "evals" / "questions.yaml").read_text(encoding="utf-8"))
        found = [q["question"] for q in questions]
    random.Random(7).shuffle(found)  # noqa: S311 - repeatable, not secret
    for round_number in itertools.count():
        yield from (text if round_number == 0 else f"{text} ({round_number})" for text in found)


def _resident(pid: int) -> tuple[float, float]:
    """Megabytes: all that is resident, and what of it is the process' own; the rest are pages of files.

    SQLite maps its file: with every turn that is kept, and read again, more of it counts as resident.
    """
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    whole, own = (int(status.split(f"{name}:")[1].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))
    return whole, own


def _percentile(seconds: list[float], share: float) -> float:
    return (
        1_000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))] if seconds else float("nan")
    )


def _sparkline(values: list[float]) -> str:
    step = max(1, len(values) // 60)
    shown = values[::step]
    low, high = min(shown), max(shown)
    return "".join(BARS[int((v - low) / (high - low or 1) * (len(BARS) - 1))] for v in shown)


if __name__ == "__main__":
    main()
