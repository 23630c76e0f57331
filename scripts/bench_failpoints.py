"""Kills the process at every step of approve → execute → receipt, and counts refunds lost and doubled."""

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from _progress import Progress  # noqa: E402
from tests.faults.harness import Report, run, split  # noqa: E402
from tests.servers.postgres import running  # noqa: E402

DRAIN_SECONDS = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=2_000, help="how many in all (default 2000)")
    parser.add_argument(
        "--provider",
        choices=("both", "embedded", "slow"),
        default="both",
        help="the embedded shop, a slow HTTP provider, or three to one of both (default)",
    )
    parser.add_argument("--lanes", type=int, default=2, help="processes for each provider (default 2)")
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="on PostgreSQL, as a role that may make databases there; `own` starts one for the run",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    options = parser.parse_args()
    slow = {"both": options.kills // 4, "embedded": 0, "slow": options.kills}[options.provider]
    lanes = split(options.kills - slow, "embedded", options.lanes) + split(slow, "slow", options.lanes)
    with (
        tempfile.TemporaryDirectory(prefix="copilot-faults-") as folder,
        ExitStack() as servers,
        Progress(1) as progress,
        progress.task(f"{options.kills} kills") as task,
    ):
        report = run(
            lanes,
            Path(folder),
            lambda done: task.update(done, options.kills, f"{done} of {options.kills}"),
            options.seed,
            servers.enter_context(running()).admin if options.database_url == "own" else options.database_url,
        )
    show(report)
    if options.json:
        print(json.dumps(asdict(report)))
    return 1 if report.problems or report.slowest_drain_seconds > DRAIN_SECONDS else 0


def show(report: Report) -> None:
    ends = ", ".join(f"{n} {status}" for status, n in sorted(report.actions.items()))
    print(f"{report.kills} kills at {report.failpoints} failpoints in {report.seconds:.0f} s")
    print(f"{report.approved} approved actions: {ends}")
    print(f"{report.refunds} refunds, {report.ledger_entries} ledger entries, verified")
    print(
        f"slowest drain after a restart {report.slowest_drain_seconds:.2f} s (target {DRAIN_SECONDS:.0f} s)"
    )
    for problem in report.problems:
        print(f"PROBLEM: {problem}")


if __name__ == "__main__":
    sys.exit(main())
