"""SECURITY.md names tests that are there, and says "open" where it names none."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [
    line.strip("| ").split(" | ")
    for line in TEXT.splitlines()
    if re.match(r"\| (LLM\d\d|ASI\d\d|V\d+) ", line)
]


def test_every_test_that_is_named_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)`", TEXT)
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_every_risk_of_each_list_has_a_row():
    names = [row[0].split()[0] for row in ROWS]
    assert names == [
        *(f"LLM{n:02}" for n in range(1, 11)),
        *(f"ASI{n:02}" for n in range(1, 11)),
        *(f"V{n}" for n in range(1, 18)),
    ]
