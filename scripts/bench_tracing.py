"""Measures what tracing costs: the same turns on a server that sends spans to a collector, and one without.

    scripts/bench tracing [--turns N] [--conversations N] [--rounds N] [--json]

Both servers run from the beginning and are asked in turns, in changing order, so that whatever else the
machine does disturbs both. The collector listens on loopback, in a process of its own, and throws away
what it gets.
Exit status 1 when tracing takes more than 3 % more of a core for each turn (median of the rounds).
"""

import argparse
import asyncio
import json
import multiprocessing
import shutil
import statistics
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from _bench_server import ROOT, copilot, environment, free_port, representative_key, serving
from bench_live import Run, drive

MOST = 1.03
"""Times the core time of a turn without tracing."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=200, help="customer turns a round (default 200)")
    parser.add_argument("--conversations", type=int, default=20, help="how many at once (default 20)")
    parser.add_argument("--rounds", type=int, default=5, help="of each server (default 5)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    options = parser.parse_args()
    port = free_port()
    collector = multiprocessing.get_context("spawn").Process(target=collect, args=(port,), daemon=True)
    collector.start()
    try:
        with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder:
            figures = measure(options, f"{folder}/plain", f"http://127.0.0.1:{port}")
    finally:
        collector.kill()
    for name, value in figures.items():
        print(f"{name:36}{value:10.3f}")
    if options.json:
        print(json.dumps(figures))
    return 0 if figures["times_the_core_time"] <= MOST else 1


def measure(options: argparse.Namespace, folder: str, collector: str) -> dict[str, float]:
    plain = environment(folder, free_port())
    copilot(plain, "ingest", str(ROOT / "knowledge"))
    key = representative_key(plain)
    shutil.copytree(folder, f"{folder}-traced")
    traced = environment(f"{folder}-traced", free_port()) | {"COPILOT_TRACE_URL": collector}
    milliseconds: dict[str, list[float]] = {"plain": [], "traced": []}
    knowledge: dict[str, list[float]] = {"plain": [], "traced": []}
    with serving(plain) as (without, _), serving(traced) as (with_spans, _):
        servers = [
            ("plain", plain["COPILOT_PORT"], without.pid),
            ("traced", traced["COPILOT_PORT"], with_spans.pid),
        ]
        for number in range(options.rounds + 1):
            for name, address, pid in servers if number % 2 else servers[::-1]:
                run = played(options, key, int(address), pid)
                if number:  # the first warms caches and code paths
                    milliseconds[name].append(run.cpu_seconds / run.turns * 1000)
                    knowledge[name] += run.milliseconds["knowledge"]
            print(f"round {number} of {options.rounds}", file=sys.stderr, flush=True)
    pairs = zip(milliseconds["traced"], milliseconds["plain"], strict=True)
    ratios = [traced_ms / plain_ms for traced_ms, plain_ms in pairs]
    return {
        "plain_core_ms_a_turn": statistics.median(milliseconds["plain"]),
        "traced_core_ms_a_turn": statistics.median(milliseconds["traced"]),
        "times_the_core_time": statistics.median(ratios),
        "times_least": min(ratios),
        "times_most": max(ratios),
        "plain_knowledge_p95_ms": p95(knowledge["plain"]),
        "traced_knowledge_p95_ms": p95(knowledge["traced"]),
    }


def played(options: argparse.Namespace, key: str, port: int, pid: int) -> Run:
    return asyncio.run(drive(key, options.conversations, options.turns, 1.0, pid, port))


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[94]


class Swallow(BaseHTTPRequestHandler):
    """Says thank you to whatever it is sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def collect(port: int) -> None:
    ThreadingHTTPServer(("127.0.0.1", port), Swallow).serve_forever()


if __name__ == "__main__":
    sys.exit(main())
