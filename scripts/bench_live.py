"""Time from the POST of a customer turn to each event, for one conversation and for many at once.

The server runs as its users run it, in a process of its own over the demo company's knowledge; this process
plays customers over the public API, so client and server share the machine's cores. Every event is checked:
none may be lost, come twice, or come out of order. `--turns 10000 --every 2` does that over ten thousand
turns in about seven minutes. `--typing` plays the recorded conversations with and without typing ahead.
"""

import argparse
import asyncio
import json
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import yaml
from _bench_integrity import Integrity
from _bench_server import (
    ROOT,
    copilot,
    cpu_seconds,
    environment,
    representative_key,
    resident_peak,
    serving,
    timed,
)
from _bench_typing import compared, side_by_side

from copilot.evaluation.live_client import LiveClient, ReceivedEvent

EVENTS = (
    "understanding",
    "knowledge",
    "next_actions",
    "suggestion.delta",
    "suggestion.completed",
    "revision.done",
)
TARGETS_P95_MS = {
    ("knowledge", 1): 40.0,
    ("knowledge", 50): 80.0,
    ("next_actions", 50): 100.0,
    ("suggestion.delta", 50): 150.0,
}
PORT = 8931
_WORD = re.compile(r"\b[a-z]{5,}\b")
A_CONVERSATION = 12
"""Customer turns; whoever has said them begins another one."""


@dataclass
class Run:
    """What was measured: milliseconds from the POST to the first event of each type, and what came of it."""

    milliseconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    integrity: Integrity = field(default_factory=Integrity)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def turns(self) -> int:
        return self.integrity.turns


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--conversations", type=int, default=50, help="how many at once (default 50)")
    parser.add_argument("--turns", type=int, default=600, help="customer turns of them all (default 600)")
    parser.add_argument(
        "--every", type=float, default=5.0, help="seconds between a customer's turns (default 5)"
    )
    parser.add_argument(
        "--typing", action="store_true", help="the recorded conversations, with and without typing ahead"
    )
    parser.add_argument("--at-once", type=int, default=2, help="recordings at once with --typing (default 2)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder:
        env = environment(folder, PORT)
        copilot(env, "ingest", str(ROOT / "knowledge"))
        figures = run_typing(options, env, folder) if options.typing else run(options, env)
    if options.json:
        print(json.dumps(figures))
    return 0 if figures["met"] else 1


def run(options: argparse.Namespace, env: dict[str, str]) -> dict[str, Any]:
    key = representative_key(env)
    search_seconds = min(timed(lambda: copilot(env, "search", "return window")) for _ in range(3))
    starts = []
    for _ in range(2):
        with serving(env) as (_, seconds):
            starts.append(seconds)
    with serving(env) as (server, seconds):
        starts.append(seconds)
        asyncio.run(drive(key, 1, 3, 0.3, server.pid))  # warm caches and code paths
        alone = asyncio.run(drive(key, 1, 30, 0.5, server.pid))
        together = asyncio.run(drive(key, options.conversations, options.turns, options.every, server.pid))
        peak_megabytes = resident_peak(server.pid)
    return report(options, alone, together, min(starts), search_seconds, peak_megabytes)


def run_typing(options: argparse.Namespace, env: dict[str, str], folder: str) -> dict[str, Any]:
    """Two servers that have heard none of it before, side by side: what disturbs one disturbs the other."""
    key = representative_key(env)
    shutil.copytree(folder, f"{folder}/other")
    other = environment(f"{folder}/other", PORT + 1)
    with serving(env), serving(other):
        addresses = [f"http://127.0.0.1:{port}" for port in (PORT, PORT + 1)]
        without, with_typing = asyncio.run(side_by_side(addresses, key, options.at_once))
    figures = compared(without, with_typing)
    print(f"{'ms from the POST':24}{'not heard before':>18}{'typing ahead':>14}")
    for name in ("first_card_median_ms", "first_card_p95_ms", "first_draft_median_ms"):
        both = figures[name]
        print(f"{name.removesuffix('_ms'):24}{both['without']:>18.1f}{both['with_typing']:>14.1f}")
    print(f"what became of the work begun before the turn: {figures['outcomes']}")
    verdict = "met" if figures["met"] else "MISSED"
    print(f"the median time to the first card is cut by {figures['cut']:.0%} (≥ 50 %: {verdict})")
    return figures


async def drive(key: str, conversations: int, turns: int, every: float, pid: int, port: int = PORT) -> Run:
    """`turns` customer turns, shared out among that many customers at once."""
    run, texts = Run(), customer_turns()
    started, used = time.perf_counter(), cpu_seconds(pid)
    async with LiveClient.connect(f"http://127.0.0.1:{port}", key) as client:
        shares = [turns // conversations + (n < turns % conversations) for n in range(conversations)]
        await asyncio.gather(
            *(customer(client, seed, texts, share, every, run) for seed, share in enumerate(shares))
        )
    run.seconds, run.cpu_seconds = time.perf_counter() - started, cpu_seconds(pid) - used
    return run


async def customer(
    client: LiveClient, seed: int, texts: list[str], turns: int, every: float, run: Run
) -> None:
    rng = random.Random(seed)  # noqa: S311 - which recorded turns to play
    await asyncio.sleep(rng.uniform(0, every))
    for begun in range(0, turns, A_CONVERSATION):
        await converse(client, rng, texts, min(A_CONVERSATION, turns - begun), every, run)


async def converse(
    client: LiveClient, rng: random.Random, texts: list[str], turns: int, every: float, run: Run
) -> None:
    conversation = (await client.post("/v1/conversations", {"channel": "chat"}))["id"]
    path = f"/v1/conversations/{conversation}"
    posted: dict[str, float] = {}
    events: list[ReceivedEvent] = []
    connected, settled = asyncio.Event(), asyncio.Event()

    async def listen() -> None:
        async for event in client.events(conversation):
            events.append(event)
            connected.set()
            if event.type == "revision.done":
                settled.set()

    listener = asyncio.create_task(listen())
    await connected.wait()
    for _ in range(turns):
        text = with_slip(rng.choice(texts), rng)
        started = time.perf_counter()
        turn = await client.post(f"{path}/turns", {"speaker": "customer", "text": text})
        posted[turn["id"]] = started
        await asyncio.sleep(max(0.0, every - (time.perf_counter() - started)))
    try:
        async with asyncio.timeout(30):
            while not _ended(events, list(posted)[-1]):
                settled.clear()
                await settled.wait()
    except TimeoutError:
        pass  # counted as lost
    finally:
        listener.cancel()
    run.integrity.check(conversation, list(posted), events, await _snapshot(client, conversation))
    _measure(posted, events, run.milliseconds)


def _ended(events: list[ReceivedEvent], turn_id: str) -> bool:
    revision = next((e.revision for e in events if e.type == "turn" and e.data["id"] == turn_id), None)
    return any(e.type == "revision.done" and e.revision == revision for e in events)


async def _snapshot(client: LiveClient, conversation: str) -> dict[str, Any]:
    """As somebody who connects now is shown it."""
    async for event in client.events(conversation):
        return event.data
    raise SystemExit("the event stream ended before its snapshot")


def _measure(posted: dict[str, float], events: list[ReceivedEvent], out: dict[str, list[float]]) -> None:
    revision_of = {e.data["id"]: e.revision for e in events if e.type == "turn"}
    first: dict[tuple[int, str], float] = {}
    for event in events:
        first.setdefault((event.revision, event.type), event.received_at)
    for turn_id, started in posted.items():
        for kind in EVENTS:
            if at := first.get((revision_of.get(turn_id, -1), kind)):
                out[kind].append((at - started) * 1000)


def report(
    options: argparse.Namespace,
    alone: Run,
    together: Run,
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
    for count, run in ((1, alone), (options.conversations, together)):
        for event in EVENTS:
            sample = run.milliseconds[event]
            if len(sample) < 2:
                continue
            cuts = statistics.quantiles(sample, n=100, method="inclusive")
            p50, p95, p99 = cuts[49], cuts[94], cuts[98]
            target = TARGETS_P95_MS.get((event, count))
            verdict = (
                "" if target is None else f"  p95 ≤ {target:.0f}: {'met' if p95 <= target else 'MISSED'}"
            )
            met = met and (target is None or p95 <= target)
            print(f"{event:24}{count:>14}{len(sample):>7}{p50:>9.1f}{p95:>9.1f}{p99:>9.1f}{verdict}")
            figures[f"{event}@{count}"] = {"p50": round(p50, 1), "p95": round(p95, 1), "p99": round(p99, 1)}
    whole = together.integrity
    figures["turns"], figures["events"] = whole.turns, whole.events
    figures["turns_per_second"] = round(together.turns / together.seconds, 1)
    figures["server_cpu_ms_per_turn"] = round(1000 * together.cpu_seconds / together.turns, 1)
    figures |= {name: getattr(whole, name) for name in ("lost", "duplicated", "out_of_order")}
    print(
        f"{whole.turns} turns, {whole.events} events: {whole.lost} lost, {whole.duplicated} duplicated, "
        f"{whole.out_of_order} out of order (0)"
    )
    for example in whole.examples:
        print(f"  {example}")
    print(
        f"{figures['turns_per_second']} turns a second, "
        f"{figures['server_cpu_ms_per_turn']} ms of the server's CPU for each"
    )
    print(f"copilot serve, process start to ready: {start_seconds:.2f} s (≤ 4)")
    print(f"copilot search, process start to answer: {search_seconds:.2f} s (≤ 2.5)")
    print(f"peak resident memory of the server: {peak_megabytes:.0f} MB (≤ 700)")
    figures["met"] = met and whole.is_whole
    return figures


def customer_turns() -> list[str]:
    """What customers say in the recorded conversations, and questions in their own words."""
    files = sorted((ROOT / "evals" / "conversations").glob("*.yaml"))
    turns = [turn for file in files for turn in yaml.safe_load(file.read_text())["turns"]]
    questions = yaml.safe_load((ROOT / "evals" / "questions.yaml").read_text())
    return [turn["customer"] for turn in turns if "customer" in turn] + [q["question"] for q in questions]


def with_slip(text: str, rng: random.Random) -> str:
    """With two letters of a word swapped: nobody writes what somebody else has written, letter for letter.

    Without it the server would know most texts of a long run already, which flatters it.
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word = rng.choice(words)
    at = rng.randrange(word.start() + 1, word.end() - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


if __name__ == "__main__":
    sys.exit(main())
