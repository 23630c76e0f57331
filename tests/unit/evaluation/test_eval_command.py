"""`copilot eval run`: its exit status, its last line, and what it says of rows that it cannot read."""

import json

import pytest
from typer.testing import CliRunner

from copilot.cli.app import build_app
from copilot.domain.errors import InvalidInput

GOOD = {"id": "a", "text": "call 415-555-0199", "spans": [{"start": 5, "end": 17, "type": "PHONE_NUMBER"}]}
MISSED = {"id": "b", "text": "I am Priya", "spans": [{"start": 5, "end": 10, "type": "PERSON"}]}


@pytest.fixture
def evals(tmp_path, monkeypatch):
    """Runs `copilot eval …` over a folder of its own; returns (exit status, stdout's lines)."""
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "evals/suites").mkdir(parents=True)
    (tmp_path / "evals/baselines").mkdir()

    def run(*arguments):
        command = ["eval", *map(str, arguments), "--evals", str(tmp_path / "evals")]
        result = CliRunner().invoke(build_app(), command)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout.splitlines()

    return run


@pytest.fixture
def data(tmp_path):
    def write(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
        return path

    return write


def suite(tmp_path, **fields):
    text = "name: mine\ntitle: Mine\nkind: pii\ndata: ../../rows.jsonl\n"
    text += "".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items())
    (tmp_path / "evals/suites/mine.yaml").write_text(text)


def test_any_data_of_a_kind_runs_and_the_last_line_is_its_figures(evals, data, tmp_path):
    status, lines = evals("run", "pii", "--data", data(GOOD, MISSED), "--json", "--out", tmp_path / "out")

    said = json.loads(lines[-1])
    assert status == 0
    assert (said["kind"], said["cases"], said["errors"], said["refused"]) == ("pii", 2, 0, 0)
    assert said["figures"]["recall_PHONE"] == 1.0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "report.json",
        "report.html",
        "junit.xml",
        "runs",
    }


def test_a_bad_row_is_named_the_rest_is_scored_and_the_status_is_2(evals, data):
    path = data(GOOD, "{nonsense")

    status, lines = evals("run", "pii", "--data", path, "--json")

    said = json.loads(lines[-1])
    assert (status, said["cases"], said["refused"]) == (2, 1, 1)
    assert said["refused_rows"][0].startswith(f"{path}:2: not JSON")


def test_a_suite_below_its_threshold_has_status_1(evals, data, tmp_path):
    data(GOOD, MISSED)
    suite(tmp_path, thresholds={"recall": {"min": 0.9}})

    status, lines = evals("run", "mine", "--json")

    said = json.loads(lines[-1])
    assert (status, said["passed"], said["suites"][0]["failed"]) == (1, False, ["threshold recall"])


def test_a_run_is_held_against_a_report_and_against_a_kept_baseline(evals, data, tmp_path):
    rows = [{**GOOD, "id": f"c{n}"} for n in range(30)]
    data(*rows)
    suite(tmp_path, regressions={"recall": "higher"})
    assert evals("run", "mine", "--out", tmp_path / "before")[0] == 0
    assert evals("baseline", tmp_path / "before") == (0, [str(tmp_path / "evals/baselines/mine.json")])

    data(*rows[:15], *({**MISSED, "id": row["id"]} for row in rows[15:]))

    assert evals("run", "mine", "--baseline", tmp_path / "before", "--out", tmp_path / "after")[0] == 1
    assert evals("run", "mine", "--baseline", "mine")[0] == 1
    assert evals("compare", tmp_path / "before", tmp_path / "after")[0] == 1
    assert evals("compare", tmp_path / "after", tmp_path / "before")[0] == 0


def test_what_is_asked_for_and_not_there_is_said(evals, data, tmp_path):
    data(GOOD)
    suite(tmp_path)

    for arguments, said in (
        (("run", "pii"), "Expected --data"),
        (("run", "mien"), "did you mean 'mine'"),
        (("run", "mine", "--baseline", "last"), "there is no baseline 'last'"),
        (("run", "all", "--tag", "slow"), "no suite has the tag 'slow'"),
        (("compare", "a", "b"), "there is no baseline 'a'"),
    ):
        with pytest.raises(InvalidInput, match=said):
            evals(*arguments)
