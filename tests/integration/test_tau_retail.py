"""The tool layer against tau-bench's retail tasks, where the data set is there."""

import json
import os
from pathlib import Path

import pytest

from copilot.evaluation.tau_replay import replay_files

DATA = Path(os.environ.get("COPILOT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "tau_retail"
DB, TASKS, EXPECTED = DATA / "db.json", DATA / "tasks.jsonl", DATA / "expected_state.jsonl"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no data set at {DATA}")


@needs_data
@pytest.mark.slow
async def test_all_end_states_are_equal_and_the_listed_actions_refused():
    results = await replay_files(DB, TASKS, EXPECTED)
    assert len(results) == len(TASKS.read_text().splitlines()) > 0
    assert [(r.task, r.problems) for r in results if not r.passed] == []


@needs_data
async def test_a_wrong_end_state_or_a_missing_refusal_is_a_miss(tmp_path):
    tasks = TASKS.read_text().splitlines()[:1]
    row = json.loads(EXPECTED.read_text().splitlines()[0])
    (order,) = row["expected_delta"]["orders"].values()
    order["exchange_price_difference"] += 0.01
    row["errors"] = [[0, "customer not found"]]
    (tmp_path / "tasks.jsonl").write_text("\n".join(tasks))
    (tmp_path / "expected.jsonl").write_text(json.dumps(row))
    (result,) = await replay_files(DB, tmp_path / "tasks.jsonl", tmp_path / "expected.jsonl")
    assert not result.passed
    assert len(result.problems) == 2
