"""Plays every recorded conversation through the HTTP API and prints how often the panel shows what it should.

    python scripts/bench_conversations.py [NAME ...] [--json] [--show]

Exit status 1 when an expectation fails that evals/known_misses.yaml does not list.
"""

import argparse
import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from copilot.adapters.yaml_files import load_conversations
from copilot.evaluation.conversations import Performance, play_all
from copilot.evaluation.known_misses import load_known_misses
from copilot.evaluation.local_server import local_server

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold the panel against the recorded conversations.")
    parser.add_argument("names", nargs="*", help="recordings to play; all by default")
    parser.add_argument("--folder", type=Path, default=ROOT / "evals/conversations")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--show", action="store_true", help="print every draft and every card too")
    options = parser.parse_args()
    performances = asyncio.run(perform(options.folder, options.names))
    known = {miss.key for miss in load_known_misses(ROOT / "evals/known_misses.yaml")}
    misses = [check for p in performances for check in p.checks if not check.hit]
    if options.json:
        figures = {
            "kinds": {kind: {"hits": hits, "of": of} for kind, (hits, of) in by_kind(performances).items()},
            "misses": [{**check.model_dump(), "known": check.key in known} for check in misses],
        }
        print(json.dumps(figures))
    else:
        show(performances, known, drafts=options.show)
    return int(any(check.key not in known for check in misses))


async def perform(folder: Path, names: Sequence[str]) -> list[Performance]:
    recordings = [r for r in load_conversations(folder) if not names or r.id in names]
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as data:
        async with local_server(Path(data), ROOT / "knowledge") as server:
            return await play_all(server, recordings)


def by_kind(performances: Sequence[Performance]) -> dict[str, tuple[int, int]]:
    """(hits, expectations) of each kind."""
    checks = [check for p in performances for check in p.checks]
    hits = Counter(check.kind for check in checks if check.hit)
    return {kind: (hits[kind], of) for kind, of in sorted(Counter(c.kind for c in checks).items())}


def show(performances: Sequence[Performance], known: set[tuple[str, int, str, str]], *, drafts: bool) -> None:
    console = Console(highlight=False)
    if drafts:
        for performance in performances:
            transcript(console, performance)
    for check in (c for p in performances for c in p.checks if not c.hit):
        listed = "known" if check.key in known else "new"
        place = f"{check.recording} {check.turn} {check.kind}"
        console.print(
            f"{listed}: {place}: expected {check.expected!r}, shown {check.shown!r}", soft_wrap=True
        )
    table = Table("kind", "hits", "of", "share", title="What the panel showed of what it should")
    for kind, (hits, of) in by_kind(performances).items():
        table.add_row(kind, str(hits), str(of), f"{hits / of:.0%}")
    hits, of = (sum(column) for column in zip(*by_kind(performances).values(), strict=True))
    table.add_row("all", str(hits), str(of), f"{hits / of:.0%}", style="bold")
    console.print(table)


def transcript(console: Console, performance: Performance) -> None:
    console.rule(performance.recording.id)
    for played in performance.turns:
        console.print(f"{played.turn}. {played.said}", style="bold", markup=False)
        understood = played.shown.last.get("understanding")
        if understood:
            others = ", ".join(f"{a['name']} {a['confidence']:.2f}" for a in understood["alternatives"])
            sure = understood["intent"]["confidence"] if understood["intent"] else 0
            console.print(f"   intent {played.shown.intent} {sure:.2f} ({others})", markup=False)
            console.print(f"   query {understood['query']!r}", markup=False)
            console.print(f"   mood {understood['sentiment']['score']:+.2f}")
        for card in played.shown.last.get("knowledge", {}).get("cards", ()):
            cited = card["citation"]
            console.print(
                f"   card {cited['external_id']} {card['confidence']:.2f}: {cited['quote']}",
                style="cyan",
                markup=False,
            )
        for sentence in played.shown.last.get("suggestion.completed", {}).get("sentences", ()):
            console.print(f"   [{sentence['support']}] {sentence['text']}", style="green", markup=False)
        for action in played.shown.last.get("next_actions", {}).get("actions", ()):
            console.print(f"   next {action['title']} – {action['why']}", style="yellow", markup=False)
        issue = played.shown.last.get("summary", {}).get("issue")
        if issue:
            console.print(f"   issue {issue['text']}", style="dim", markup=False)


if __name__ == "__main__":
    raise SystemExit(main())
