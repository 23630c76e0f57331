"""Time from the POST of a customer turn to each event, for one conversation and for many at once.

The server runs as its users run it, in a process of its own over the demo company's knowledge; this process
plays customers over the public API, so client and server share the machine's cores.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from copilot.evaluation.live_client import LiveClient

ROOT = Path(__file__).resolve().parent.parent
EVENTS = (
    "understanding",
    "knowledge",
    "next_actions",
    "suggestion.delta",
    "suggestion.completed",
    "revision.done",
)
TARGETS_P95_MS = {("knowledge", 1): 40.0, ("knowledge", 50): 120.0}
PORT = 8931


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=50, help="how many at once (default 50)")
    parser.add_argument("--turns", type=int, default=12, help="customer turns per conversation (default 12)")
    parser.add_argument(
        "--every", type=float, default=5.0, help="seconds between a customer's turns (default 5)"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder:
        environment = {**os.environ, "COPILOT_DATA_DIR": folder, "COPILOT_PORT": str(PORT)}
        environment["COPILOT_KNOWLEDGE_DIR"] = str(ROOT / "knowledge")
        figures = run(options, environment)
    if options.json:
        print(json.dumps(figures))
    return 0 if figures["met"] else 1


def run(options: argparse.Namespace, environment: dict[str, str]) -> dict[str, Any]:
    copilot(environment, "ingest", str(ROOT / "knowledge"))
    key = copilot(
        environment, "keys", "create", "--role", "representative", "--name", "bench", "--quiet"
    ).strip()
    search_seconds = min(timed(lambda: copilot(environment, "search", "return window")) for _ in range(3))
    starts = []
    for _ in range(2):
        server, seconds = start_server(environment)
        starts.append(seconds)
        stop(server)
    server, seconds = start_server(environment)
    starts.append(seconds)
    try:
        asyncio.run(drive(key, 1, 3, 0.3))  # warm caches and code paths
        alone = asyncio.run(drive(key, 1, max(options.turns, 30), 0.5))
        together = asyncio.run(drive(key, options.conversations, options.turns, options.every))
        peak_megabytes = resident_peak(server.pid)
    finally:
        stop(server)
    return report(options, alone, together, min(starts), search_seconds, peak_megabytes)


async def drive(key: str, conversations: int, turns: int, every: float) -> dict[str, list[float]]:
    """Milliseconds from POST to the first event of each type, over all turns of all conversations."""
    texts = customer_turns()
    milliseconds: dict[str, list[float]] = defaultdict(list)
    async with LiveClient.connect(f"http://127.0.0.1:{PORT}", key) as client:
        await asyncio.gather(
            *(converse(client, seed, texts, turns, every, milliseconds) for seed in range(conversations))
        )
    return milliseconds


async def converse(
    client: LiveClient, seed: int, texts: list[str], turns: int, every: float, out: dict[str, list[float]]
) -> None:
    rng = random.Random(seed)  # noqa: S311 - which recorded turns to play
    conversation = await client.post("/v1/conversations", {"channel": "chat"})
    path = f"/v1/conversations/{conversation['id']}"
    posted: dict[str, float] = {}
    revision_of: dict[str, int] = {}
    first_seen: dict[tuple[int, str], float] = {}
    settled = asyncio.Event()

    async def listen() -> None:
        async for event in client.events(conversation["id"]):
            first_seen.setdefault((event.revision, event.type), event.received_at)
            if event.type == "turn":
                revision_of[event.data["id"]] = event.revision
            elif event.type == "revision.done":
                settled.set()

    listener = asyncio.create_task(listen())
    await asyncio.sleep(rng.uniform(0, every))
    for _ in range(turns):
        started = time.perf_counter()
        turn = await client.post(f"{path}/turns", {"speaker": "customer", "text": rng.choice(texts)})
        posted[turn["id"]] = started
        await asyncio.sleep(max(0.0, every - (time.perf_counter() - started)))
    last = list(posted)[-1]
    try:
        async with asyncio.timeout(15):
            while (revision_of.get(last, -1), "revision.done") not in first_seen:
                settled.clear()
                await settled.wait()
    finally:
        listener.cancel()
    for turn_id, started in posted.items():
        for kind in EVENTS:
            if at := first_seen.get((revision_of[turn_id], kind)):
                out[kind].append((at - started) * 1000)


def report(
    options: argparse.Namespace,
    alone: dict[str, list[float]],
    together: dict[str, list[float]],
    start_seconds: float,
    search_seconds: float,
    peak_megabytes: float,
) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "serve_ready_seconds": round(start_seconds, 2),
        "search_seconds": round(search_seconds, 2),
        "peak_resident_megabytes": round(peak_megabytes),
    }
    print(f"{'event':24}{'conversations':>14}{'n':>7}{'p50':>9}{'p95':>9}{'p99':>9}   ms from the POST")
    met = start_seconds <= 4 and search_seconds <= 2.5 and peak_megabytes <= 700
    for count, sample in ((1, alone), (options.conversations, together)):
        for event in EVENTS:
            if len(sample[event]) < 2:
                continue
            cuts = statistics.quantiles(sample[event], n=100, method="inclusive")
            p50, p95, p99 = cuts[49], cuts[94], cuts[98]
            target = TARGETS_P95_MS.get((event, count))
            verdict = (
                "" if target is None else f"  p95 ≤ {target:.0f}: {'met' if p95 <= target else 'MISSED'}"
            )
            met = met and (target is None or p95 <= target)
            print(f"{event:24}{count:>14}{len(sample[event]):>7}{p50:>9.1f}{p95:>9.1f}{p99:>9.1f}{verdict}")
            figures[f"{event}@{count}"] = {"p50": round(p50, 1), "p95": round(p95, 1), "p99": round(p99, 1)}
    print(f"copilot serve, process start to ready: {start_seconds:.2f} s (≤ 4)")
    print(f"copilot search, process start to answer: {search_seconds:.2f} s (≤ 2.5)")
    print(f"peak resident memory of the server: {peak_megabytes:.0f} MB (≤ 700)")
    figures["met"] = met
    return figures


def customer_turns() -> list[str]:
    files = sorted((ROOT / "evals" / "conversations").glob("*.yaml"))
    turns = [turn for file in files for turn in yaml.safe_load(file.read_text())["turns"]]
    return [turn["customer"] for turn in turns if "customer" in turn]


def copilot(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "copilot.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"copilot {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def start_server(environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], float]:
    started = time.perf_counter()
    server = subprocess.Popen([sys.executable, "-m", "copilot.cli", "serve"], env=environment)
    while time.perf_counter() - started < 60:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return server, time.perf_counter() - started
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                break
            time.sleep(0.02)
    stop(server)
    raise SystemExit("the server did not become ready within 60 s")


def stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    server.wait(20)


def resident_peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
