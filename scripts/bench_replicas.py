"""Two servers on one PostgreSQL and one Redis, one of which is killed every 20 s; see `--help`.

    scripts/bench replicas [--seconds N] [--conversations N] [--kill-every N] [--hang N] [--json]

Conversations are written to whichever server answers and watched on both, by panels that reconnect with the
last event they saw. No event may be lost, doubled or out of order; exit status 1 when one was. What was taken
by a server and never worked on to its end (it was killed) is no lost event: the turn is shown.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from _targets import Target, show  # noqa: E402
from tests.replicas.harness import Replicas, Report, besiege  # noqa: E402
from tests.servers.postgres import running  # noqa: E402
from tests.servers.redis import running_redis  # noqa: E402

TARGETS = [Target(figure, 0, at_most=True) for figure in ("lost", "doubled", "out of order")]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--conversations", type=int, default=20)
    parser.add_argument("--kill-every", type=float, default=20)
    parser.add_argument("--hang", type=float, default=0, help="stop for so many seconds instead of killing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    with running() as postgres, running_redis() as redis, tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(_run(Replicas(Path(folder), postgres.database(), redis.url), arguments))
    figures = {
        "turns": report.turns,
        "events": report.events,
        "kills": report.kills,
        "reconnects": report.reconnects,
        "snapshots instead of events": report.snapshots,
        "lost": report.lost,
        "doubled": report.doubled,
        "out of order": report.out_of_order,
    }
    show(figures, TARGETS, as_json=arguments.json)
    for example in report.examples:
        print(example, file=sys.stderr)
    sys.exit(0 if report.is_whole else 1)


async def _run(replicas: Replicas, arguments: argparse.Namespace) -> Report:
    await replicas.start()
    try:
        return await besiege(
            replicas,
            conversations=arguments.conversations,
            seconds=arguments.seconds,
            kill_every=arguments.kill_every,
            seed=arguments.seed,
            hang=arguments.hang,
        )
    finally:
        await replicas.stop()


if __name__ == "__main__":
    main()
