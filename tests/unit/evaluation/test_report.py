"""What a run leaves behind: a page that stands alone and runs nothing, JUnit XML, baselines."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.evaluation.baselines import compared, read_baselines, write_baseline
from copilot.evaluation.kinds.kind import CaseResult
from copilot.evaluation.outcome import EvaluationReport, SuiteOutcome, Verdict, read_report
from copilot.evaluation.report.write import write_reports
from copilot.evaluation.significance import paired_difference

SCRIPT = "<script>alert('hello')</script>\x00"


def outcome(*, passed=True, scores=(1.0, 0.5), error=SCRIPT, **more):
    cases = [
        CaseResult(id=f"{SCRIPT}{n}", scores={"s": s}, slices={"by": SCRIPT}, evidence={SCRIPT: [SCRIPT]})
        for n, s in enumerate(scores)
    ]
    if error:
        cases.append(CaseResult(id="bad", scores={}, error=error))
    fields = {
        "suite": "mine",
        "title": SCRIPT,
        "kind": "pii",
        "data": SCRIPT,
        "seed": 0,
        "figures": {"s": 0.75, "n": 12.0, "judged": None},
        "cases": tuple(cases),
        "refused": (Refusal(source=SCRIPT, reason=SCRIPT),),
        "notes": (SCRIPT,),
        "verdicts": (Verdict(check="threshold", name="s", passed=passed, measured="0.75", expected="≥ 0.8"),),
    }
    return SuiteOutcome(**{**fields, **more})


def written(tmp_path, *outcomes):
    report = EvaluationReport(
        product="1", created_at=datetime(2026, 11, 23, tzinfo=UTC), suites=outcomes or (outcome(),)
    )
    write_reports(report, tmp_path)
    return report


def test_text_of_cases_is_text_in_the_page(tmp_path):
    written(tmp_path)

    page = (tmp_path / "report.html").read_text()

    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;hello&#39;)" in page


def test_the_page_asks_for_nothing_from_elsewhere(tmp_path):
    written(tmp_path)

    page = (tmp_path / "report.html").read_text()

    assert not re.search(r"https?://|<link|@import|url\(", page)
    assert "not run" in page


def test_ci_sees_a_failure_for_what_does_not_hold_and_an_error_for_a_case_without_a_score(tmp_path):
    written(tmp_path, outcome(passed=False))

    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - our own file

    assert (suite.get("failures"), suite.get("errors"), suite.get("tests")) == ("1", "1", "2")
    assert suite.find("testcase/failure").get("message") == "s is 0.75"


def test_a_report_reads_back_as_it_was(tmp_path):
    report = written(tmp_path)

    assert read_report(tmp_path) == report
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(InvalidInput, match="this is no report"):
        read_report(tmp_path)


def test_a_baseline_holds_a_line_for_each_case_and_no_times(tmp_path):
    path = write_baseline(outcome(error=None, figures={"s": 0.75, "p50_ms": 3.0}), tmp_path)

    assert len([line for line in path.read_text().splitlines() if line.endswith(("1.0},", "0.5}"))]) == 2
    assert read_baselines(path)["mine"].figures == {"s": 0.75}


def test_two_runs_are_compared_over_the_cases_they_share(tmp_path):
    many = [1.0] * 30
    written(tmp_path / "a", outcome(scores=many, error=None))
    written(tmp_path / "b", outcome(scores=[0.0] * 15 + many[15:], error=None))
    directions = {"mine": {"s": "higher"}}

    (down,) = compared(str(tmp_path / "a"), str(tmp_path / "b"), tmp_path, directions)
    (up,) = compared(str(tmp_path / "b"), str(tmp_path / "a"), tmp_path, directions)

    assert down.worse == ("s",)
    assert down.differences["s"].change == -0.5
    assert up.worse == ()


def test_the_bootstrap_is_repeatable_and_knows_chance_from_change():
    before, small, large = [0.5] * 50, [0.5] * 49 + [0.0], [0.5] * 25 + [0.0] * 25

    assert paired_difference(before, large) == paired_difference(before, large)
    assert paired_difference(before, large).significant
    assert not paired_difference(before, small).significant
    assert paired_difference([], []) is None
