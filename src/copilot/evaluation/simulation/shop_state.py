"""The shop's orders before and after a conversation, read from the file that the service writes."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from copilot.evaluation.simulation.scenario import OrderState


class OrderRow(NamedTuple):
    """An order as the shop keeps it."""

    status: str
    refunded_minor: int
    document: str

    def plain(self) -> dict[str, str]:
        address = json.loads(self.document).get("address", {})
        return {
            "status": self.status,
            "refunded": f"{self.refunded_minor / 100:.2f}",
            "address1": str(address.get("address1", "")),
            "zip": str(address.get("zip", "")),
        }


def read_orders(path: Path) -> dict[str, OrderRow]:
    """By id; the service may be writing to the file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT id, status, refunded_minor, document FROM orders").fetchall()
    return {str(row[0]): OrderRow(*row[1:]) for row in rows}


def restore(path: Path, kept: Path) -> None:
    """Puts the shop back as it was, also while the service has it open."""
    with closing(sqlite3.connect(kept)) as source, closing(sqlite3.connect(path, timeout=30)) as target:
        source.backup(target)


def wrong_orders(
    before: Mapping[str, OrderRow], after: Mapping[str, OrderRow], expected: Mapping[str, OrderState]
) -> list[str]:
    """Every order that is not as it must be: those expected to change, and those that were to stay."""
    found = []
    for name, wanted in expected.items():
        if name not in after:
            found.append(f"{name}: there is no such order")
            continue
        found += [f"{name}: {difference}" for difference in wanted.differences(after[name].plain())]
    for name in sorted(after.keys() - expected.keys()):
        if after[name] != before.get(name):
            old, new = before[name].plain() if name in before else {}, after[name].plain()
            changed = {k: v for k, v in new.items() if old.get(k) != v} or "its details"
            found.append(f"{name}: it was to stay as it was, and has changed: {changed}")
    return found
