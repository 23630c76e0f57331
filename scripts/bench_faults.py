"""API servers, the worker and PostgreSQL's postmaster killed while refunds and ingests run; see `--help`.

    scripts/bench faults [--kills N] [--seed N] [--skip N] [--json]

Real servers on a real PostgreSQL and Redis, with a shop that writes down every refund in a book of its own.
Each kill is a SIGKILL at a random moment. Afterwards every refund that anybody was told of must have been
made once, the ledger must hold, no document may be half there, and nothing may be left undone; exit status 1
when not. Ctrl-C ends it early, with the checks, and says how to go on. `scripts/bench failpoints` kills at
every step of a refund instead, inside one process.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from _progress import Progress, Task  # noqa: E402
from tests.kills.harness import DRAIN_SECONDS, Load, Report, run  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=5_000, help="how many (default 5000)")
    parser.add_argument("--seed", type=int, default=1, help="who is killed when follows from it")
    parser.add_argument(
        "--skip", type=int, default=0, help="leave out the first kills of the seed: go on there"
    )
    parser.add_argument("--desks", type=int, default=8, help="representatives at work (default 8)")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="leave logs and the shop's book there")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="copilot-kills-") as folder,
        Progress(1) as progress,
        progress.task(f"{options.kills} kills") as task,
    ):
        if options.keep:
            options.keep.mkdir(parents=True)
        report = asyncio.run(_run((options.keep or Path(folder)).resolve(), options, task))
    show(report)
    if report.kills < options.kills:
        print(f"ended early; go on with --seed {options.seed} --skip {options.skip + report.kills}")
    if options.json:
        print(json.dumps(asdict(report)))
    return 1 if report.problems or report.drain_seconds > DRAIN_SECONDS else 0


async def _run(folder: Path, options: argparse.Namespace, task: Task) -> Report:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    return await run(
        folder,
        options.kills,
        seed=options.seed,
        skip=options.skip,
        load=Load(desks=options.desks),
        on_kill=lambda done: task.update(done, options.kills, f"{done} of {options.kills}"),
        stop=stop,
    )


def show(report: Report) -> None:
    killed = ", ".join(f"{n} {name}" for name, n in sorted(report.by_process.items()))
    ends = ", ".join(f"{n} {status}" for status, n in sorted(report.actions.items()))
    print(
        f"{report.kills} kills ({killed}) in {report.seconds:.0f} s, {report.kills_per_minute:.0f} a minute"
    )
    print(
        f"actions: {ends}; {report.promised_refunds} refunds were called done, "
        f"{report.double_clicks} clicked twice"
    )
    for why, times in report.failures.items():
        print(f"  {times} failed: {why}")
    print(f"the shop made {report.refunds} refunds in {report.calls} calls")
    print(f"{report.ledger_entries} ledger entries, verified unless a line below says otherwise")
    print(
        f"{report.documents} documents stored, {report.jobs} jobs, "
        f"{report.jobs_given_up} of them interrupted too often"
    )
    print(f"all done {report.drain_seconds:.1f} s after the last kill (target {DRAIN_SECONDS:.0f} s)")
    for problem in report.problems[:50]:
        print(f"PROBLEM: {problem}")


if __name__ == "__main__":
    sys.exit(main())
