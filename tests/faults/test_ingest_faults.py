"""Killed at any point of an ingest, the knowledge answers correctly after a restart, and nothing is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(folder, kills, embedder, documents, *more):
    command = [
        sys.executable,
        "-m",
        "tests.faults.ingest_lane",
        "--kills",
        str(kills),
        "--embedder",
        embedder,
    ]
    command += ["--documents", str(documents), "--folder", str(folder), "--seed", "7", *more]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.Popen(  # noqa: S603 - our own module
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
    )


def ended(lane):
    told, _ = lane.communicate()
    assert lane.returncode == 0
    return json.loads(told.splitlines()[-1])


@pytest.mark.slow
def test_fifty_kills_leave_every_document_whole_and_lose_none(tmp_path):
    lanes = [start(tmp_path / "hashing", 44, "hashing", 30), start(tmp_path / "builtin", 6, "builtin", 16)]
    quick, real = map(ended, lanes)
    assert (quick["problems"], real["problems"]) == ([], [])
    assert quick["kills"] + real["kills"] == 50
    assert quick["points"] > 5


@pytest.mark.slow
def test_the_lane_would_notice_an_index_that_nobody_mends(tmp_path):
    """Else the test above could not fail."""
    careless = ended(start(tmp_path / "careless", 44, "hashing", 30, "--careless"))
    assert any("in the index" in problem for problem in careless["problems"])
