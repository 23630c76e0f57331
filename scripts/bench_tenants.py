"""Random requests with another tenant's key, over every route of the API and every page; see `--help`.

    scripts/bench tenants [--requests N] [--seed N] [--json]

One tenant lives on a server of the demo company: a conversation, a proposed refund, an alert, a document, a
job, a gap. Another's key asks for all of it by its right names, in every way the API describes, streams and
remembered answers included, and one request of three is for a page of the console. Nothing may be told and
nothing changed; exit status 1 when something was.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from _targets import Target, show  # noqa: E402
from tests.tenants.siege import Siege, besiege  # noqa: E402

from copilot.evaluation.local_server import local_server  # noqa: E402

TARGETS = [
    Target("leaks", 0, at_most=True),
    Target("things changed", 0, at_most=True),
    Target("answers of 500 and above", 0, at_most=True),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    begun = time.monotonic()
    siege = asyncio.run(measure(arguments.requests, arguments.seed))
    several = (siege.findings, siege.pages)
    for line in (line for found in several for line in (*found.leaks, *found.broken)):
        print(line)
    figures: dict[str, float] = {
        "requests": sum(found.requests for found in several),
        "routes": len(siege.findings.by_operation),
        "pages": len(siege.pages.by_operation),
        "seconds": time.monotonic() - begun,
        "leaks": sum(len(found.leaks) for found in several),
        "things changed": sum(siege.before[name] != siege.after[name] for name in siege.before),
        "answers of 500 and above": sum(len(found.broken) for found in several),
        "leaks seen with the right key": len(siege.control.leaks) + len(siege.pages_control.leaks),
    }
    statuses = siege.findings.by_status + siege.pages.by_status
    figures |= {f"answers {status}": count for status, count in sorted(statuses.items())}
    show(figures, TARGETS, as_json=arguments.json)
    sys.exit(not all(target.is_met(figures[target.figure]) for target in TARGETS))


async def measure(requests: int, seed: int) -> Siege:
    with tempfile.TemporaryDirectory() as place:
        async with local_server(Path(place), ROOT / "knowledge"):
            pass  # ingests, and ends
        return await besiege(Path(place), requests, seed)


if __name__ == "__main__":
    main()
