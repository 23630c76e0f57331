"""docs/evaluation.md: its commands run as they stand, in order, and its example is a kind."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from copilot.evaluation.kinds.kind import KindOptions
from copilot.evaluation.replay.candidate import Candidate, load_candidate
from copilot.evaluation.runner import Runner
from copilot.evaluation.suites import LoadedSuite, Suite

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")


def fenced(language):
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


COMMANDS = [line for block in fenced("console") for line in block.splitlines()]


@pytest.mark.slow
def test_its_commands_run(tmp_path):
    """In a copy, because one of them writes a baseline."""
    shutil.copytree(ROOT / "evals", tmp_path / "evals")
    (tmp_path / "knowledge").symlink_to(ROOT / "knowledge")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "COPILOT_DATA_DIR": str(tmp_path / "d"),
    }
    assert len(COMMANDS) >= 8
    for command in COMMANDS:
        program, *arguments = command.split()
        assert program == "copilot"
        done = subprocess.run(  # noqa: S603 - the commands of our own guide
            [sys.executable, "-m", "copilot.cli", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # A handful of cases may miss a threshold that was set for all of them.
        assert done.returncode in ({0, 1} if "all" in arguments else {0}), (
            f"{command}\n{done.stdout}{done.stderr}"
        )
        if "--json" in arguments:
            assert json.loads(done.stdout.splitlines()[-1])["kind"] == "pii"
    assert (tmp_path / "eval-report/junit.xml").is_file()


def test_its_candidate_has_only_keys_that_candidates_have(tmp_path):
    (text,) = fenced("yaml candidate")
    (tmp_path / "c.yaml").write_text(text)
    every = re.sub(r"^# (?=\w+:)", "", text, flags=re.MULTILINE)

    assert load_candidate(tmp_path / "c.yaml").name == "shows-less"
    assert set(yaml.safe_load(every)) == set(Candidate.model_fields) - {"policies", "macros"}


def test_its_suite_has_only_keys_that_suites_have():
    (text,) = fenced("yaml")

    assert Suite.model_validate(yaml.safe_load(text)).name == "billing-search"


async def test_its_example_is_a_kind(tmp_path):
    (code,) = fenced("python")
    found = {}
    exec(code, found)  # noqa: S102 - our own guide
    data = tmp_path / "m.jsonl"
    data.write_text('{"id": "a", "text": "Short."}\n{"id": "b"}\n')
    suite = Suite(name="brief", title="Brief", kind="brevity", data="m.jsonl", refused=1)
    loaded = LoadedSuite(suite=suite, file=tmp_path, options=KindOptions(data=data))

    outcome = await Runner(None, lambda _: found["BrevityKind"]()).run(loaded)

    assert outcome.passed
    assert outcome.figures == {"brief": 1.0}
    assert len(outcome.refused) == 1


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`((?:evals|tests|scripts|src)/[\w./-]+)`", GUIDE)) - {
        "src/copilot/evaluation/kinds/brevity.py"
    }

    assert named
    assert {path for path in named if not (ROOT / path).exists()} == set()
