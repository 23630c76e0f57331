"""Reports of a folder, as the console lists them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from copilot.evaluation.kinds.kind import CaseResult
from copilot.evaluation.outcome import EvaluationReport, SuiteOutcome, Verdict
from copilot.evaluation.report.write import write_reports
from copilot.evaluation.shelf import ReportShelf
from copilot.evaluation.suites import Threshold

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def write(folder, f1, *, days=0, passed=True):
    outcome = SuiteOutcome(
        suite="replies",
        title="Replies",
        kind="answer",
        data="data",
        seed=0,
        figures={"f1": f1},
        thresholds={"f1": Threshold(min=0.5)},
        cases=(CaseResult(id="a", scores={"f1": f1}), CaseResult(id="b", scores={}, error="no answer")),
        verdicts=(Verdict(check="threshold", name="f1", passed=passed, measured=str(f1), expected="≥ 0.5"),),
    )
    report = EvaluationReport(product="1", created_at=NOW + timedelta(days=days), suites=(outcome,))
    write_reports(report, folder)


def test_a_run_that_is_overwritten_leaves_its_figures(tmp_path):
    write(tmp_path / "all", 0.4, passed=False)
    write(tmp_path / "all", 0.9, days=1)

    runs, unreadable = ReportShelf(tmp_path).runs()

    assert [run.suites[0].figures["f1"] for run in runs] == [0.9, 0.4]
    assert [run.passed for run in runs] == [True, False]
    assert not unreadable
    assert all("/runs/" in run.file for run in runs[1:])
    (suite,) = runs[0].suites
    assert (suite.cases, suite.errors, suite.low) == (2, 1, {"f1": 0.5})


def test_reports_of_other_folders_are_found_and_one_that_is_there_twice_once(tmp_path):
    write(tmp_path / "a", 0.4)
    write(tmp_path / "b" / "c", 0.5, days=1)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "report.json").write_bytes((tmp_path / "a" / "report.json").read_bytes())

    assert len(ReportShelf(tmp_path).runs()[0]) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"suites": 3}', "null", "\x00"])
def test_what_is_no_report_is_named_and_hides_no_other(tmp_path, text):
    write(tmp_path / "a", 0.4)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "report.json").write_text(text)

    runs, unreadable = ReportShelf(tmp_path).runs()

    assert len(runs) == 1
    assert [bad.file for bad in unreadable] == ["b/report.json"]
    assert "copilot eval run" in unreadable[0].why


def test_a_report_that_changes_is_read_again_and_a_folder_that_is_not_there_is_empty(tmp_path):
    shelf = ReportShelf(tmp_path / "reports")
    assert shelf.runs() == ([], [])
    write(tmp_path / "reports", 0.4)
    assert len(shelf.runs()[0]) == 1
    write(tmp_path / "reports", 0.6, days=1)
    assert len(shelf.runs()[0]) == 2


def test_what_a_run_leaves_holds_no_case(tmp_path):
    write(tmp_path, 0.4)
    (kept,) = (tmp_path / "runs").iterdir()

    assert "no answer" not in kept.read_text()
    assert json.loads(kept.read_text())["suites"][0]["cases"] == 2
